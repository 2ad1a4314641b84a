"""Rows of scores, below the families: softmax, yes-or-no logits and class labels, with exact derivatives."""
