"""Problem sizes, named after the models and tasks that they come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from jaxloss.verify.case import Case, Inputs

__all__ = ["SIZES", "Size", "fits", "has_tables", "sizes_of"]


@dataclasses.dataclass(frozen=True)
class Size:
    """So many events (rows, or numbers of an elementwise loss), with so many classes in a row.

    For a loss that couples pixels or examples: so many images or batches of so many members.
    """

    name: str
    events: int
    classes: int | None
    about: str
    members: int | None = None
    member: str = ""
    """What the members are, as in `jaxloss.verify.Inputs`."""
    steps: int | None = None
    """Steps of time, for losses of sequences."""
    fixed: bool = False
    """Whether it is for losses whose rows have a length of their own."""
    features: int | None = None
    """Length of the hidden states of tokens."""
    tables: bool = False
    """Whether it is for losses whose parameters have an entry for each class, and so a number of classes."""
    quick: bool = False
    """Whether it is for quick runs alone."""

    @property
    def elements(self) -> int:
        """Numbers in the first argument."""
        return self.events * (self.steps or 1) * (self.members or 1) * (self.features or self.classes or 1)

    def of(self, inputs: Inputs) -> Inputs:
        """The inputs of a case at this size."""
        classes = inputs.classes if self.classes is None else self.classes
        features = inputs.features if self.features is None else self.features
        return dataclasses.replace(inputs, classes=classes, members=self.members, steps=self.steps, features=features)


SIZES: Mapping[str, Size] = MappingProxyType(
    {
        size.name: size
        for size in (
            Size("tabular-256k", 1 << 18, None, "a quarter of a million residuals or binary logits", quick=True),
            Size("tabular-1M", 1 << 20, None, "a million residuals or binary logits"),
            Size("tabular-16M", 1 << 24, None, "sixteen million: beyond every cache"),
            Size("detection-8192x80", 8192 * 80, None, "anchors by classes, one logit each"),
            Size("boxes-25k", 25_000, 4, "the boxes of a detector on a small batch", fixed=True, quick=True),
            Size("boxes-100k", 100_000, 4, "the boxes of a detector on a batch of images", fixed=True),
            Size("forecasts-25k", 25_000, 3, "ensembles of three forecasts of three variables", fixed=True, quick=True),
            Size("forecasts-100k", 100_000, 3, "ensembles of three forecasts of three variables", fixed=True),
            Size("digits-10", (1 << 20) // 10, 10, "ten classes, a million logits"),
            Size(
                "priors-25k",
                25_000,
                None,
                "rows of as many classes as the parameters have entries for",
                tables=True,
                quick=True,
            ),
            Size(
                "priors-100k", 100_000, None, "rows of as many classes as the parameters have entries for", tables=True
            ),
            Size("attributes-128", 8192, 128, "128 classes, a million logits"),
            Size("imagenet-1k-256k", 256, 1024, "an image batch, a quarter of a million logits", quick=True),
            Size("imagenet-1k", 1024, 1024, "a large image batch, a million logits"),
            Size("vocab-32k", 32, 32768, "32 tokens of a language model, a million logits"),
            Size("sparse-4096x128", 4096, 128, "sparse attention or labels"),
            Size("segmentation-19x512x512", 512 * 512, 19, "one street scene, classes last"),
            Size("masks-4x256x256", 4, None, "four images with one object", 256 * 256, "pixel", quick=True),
            Size("masks-16x256x256", 16, None, "sixteen images with one object", 256 * 256, "pixel"),
            Size("organs-2x5x192x192", 2, 5, "two slices, five classes", 192 * 192, "pixel", quick=True),
            Size("organs-8x5x192x192", 8, 5, "eight slices, five classes", 192 * 192, "pixel"),
            Size("street-19x512x512", 1, 19, "one street scene as an image", 512 * 512, "pixel"),
            Size("contrastive-512x128", 1, 128, "a batch of 512 embeddings", 512, "example"),
            Size("contrastive-2048x128", 1, 128, "a large batch of embeddings", 2048, "example"),
            Size("retrieval-4096x256", 1, 256, "a very large batch of embeddings", 4096, "example"),
            Size("trial-8x512", 8, None, "eight studies of 512 patients", 512, "example"),
            Size("search-8x2000", 8, None, "eight queries of two thousand documents", 2000, "item"),
            Size("search-8x500", 8, None, "eight queries of five hundred documents", 500, "item", quick=True),
            Size("search-512x100", 512, None, "a batch of queries of a hundred documents", 100, "item"),
            Size("completions-256x4096", 256, None, "256 completions of at most 4096 tokens", 4096, "token"),
            Size("speech-4x250x64", 4, 64, "four utterances of 250 frames, characters", steps=250, quick=True),
            Size("speech-16x500x64", 16, 64, "sixteen utterances of 500 frames, characters", steps=500),
            Size("librispeech-8x400x500", 8, 500, "eight utterances of 400 subsampled frames, word pieces", steps=400),
            Size("packed-4x128x8192", 4, 8192, "rows of 128 tokens, packed", 128, "token", quick=True),
            Size("packed-4x512x8192", 4, 8192, "rows of 512 tokens, packed", 512, "token"),
            Size(
                "lm-8k-256",
                1,
                8192,
                "256 tokens of a very small language model",
                256,
                "token",
                features=256,
                quick=True,
            ),
            Size("lm-32k-256", 1, 32768, "256 tokens of a small language model", 256, "token", features=512),
            Size("lm-32k-2048", 1, 32768, "2048 tokens of a small language model", 2048, "token", features=512),
            Size("lm-32k-8192", 1, 32768, "8192 tokens of a small language model", 8192, "token", features=512),
            Size("gpt2-small-2048", 1, 50257, "2048 tokens of GPT-2 small", 2048, "token", features=768),
            Size("llama3-vocab-8192", 1, 128256, "8192 tokens, the vocabulary of Llama 3", 8192, "token", features=512),
            Size("digits-10-16M", (1 << 24) // 10, 10, "ten classes, sixteen million logits"),
            Size("attributes-128-16M", 1 << 17, 128, "128 classes, sixteen million logits"),
            Size("imagenet-1k-16M", 1 << 14, 1024, "1024 classes, sixteen million logits"),
            Size("vocab-32k-16M", 512, 32768, "512 tokens of a language model"),
        )
    }
)

QUICK = (
    "tabular-1M",
    "imagenet-1k",
    "priors-100k",
    "boxes-100k",
    "forecasts-100k",
    "masks-16x256x256",
    "organs-8x5x192x192",
    "contrastive-512x128",
    "trial-8x512",
    "search-8x500",
    "completions-256x4096",
    "speech-4x250x64",
    "packed-4x128x8192",
    "lm-8k-256",
)
"""One size for every kind of data: a million numbers, or what takes some milliseconds."""

QUARTER = MappingProxyType(
    {
        "tabular-1M": "tabular-256k",
        "imagenet-1k": "imagenet-1k-256k",
        "priors-100k": "priors-25k",
        "boxes-100k": "boxes-25k",
        "forecasts-100k": "forecasts-25k",
        "masks-16x256x256": "masks-4x256x256",
        "organs-8x5x192x192": "organs-2x5x192x192",
    }
)
"""What a quick run takes instead for a loss without a peer."""


def fits(case: Case, size: Size) -> bool:
    """Whether a case has data of a size: rows or single numbers, and no parameter with an entry for each class."""
    inputs = case.inputs
    if size.member != (inputs.member if inputs.members is not None else ""):
        return False
    if size.fixed != inputs.fixed or (size.fixed and size.classes != inputs.classes):
        return False
    if (size.steps is None) != (inputs.steps is None) or (size.features is None) != (inputs.features is None):
        return False
    if inputs.members is None and size.tables != has_tables(case):
        return False
    return (size.classes is None and not size.tables) == (inputs.axis is None)


def has_tables(case: Case) -> bool:
    """Whether a parameter has an entry for each class."""
    lengths = [np.shape(value)[-1:] for value in case.params.values() if not isinstance(value, str)]
    return case.inputs.axis is not None and (case.inputs.classes,) in lengths


def sizes_of(case: Case, *, quick: bool = False) -> list[Size]:
    """The sizes that fit the inputs of a case; a quick run takes one, a smaller one where there is no peer."""
    if not quick:
        return [size for size in SIZES.values() if not size.quick and fits(case, size)]
    names = QUICK if case.peers else [QUARTER.get(name, name) for name in QUICK]
    return [SIZES[name] for name in names if fits(case, SIZES[name])]
