"""Losses by name: the names of this library, and those that optax, PyTorch and Keras use for them."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["PEERS", "Alias", "get", "names"]

Loss = Callable[..., Any]


class Alias(NamedTuple):
    """One loss of another framework under all the names it has there."""

    names: tuple[str, ...]
    loss: str
    """The loss here that computes it, or the nearest one."""
    params: Mapping[str, Any]
    """Bound so that it does."""
    differs: str
    """What still differs beyond the convention of the whole framework; empty when nothing does."""


def _row(names: str, loss: str, differs: str = "", **params: Any) -> Alias:
    return Alias(tuple(names.split()), loss, MappingProxyType(params), differs)


PEERS: Mapping[str, tuple[Alias, ...]] = MappingProxyType(
    {
        # Losses come back unreduced: reduction="none" here.
        "optax": (
            _row("squared_error", "squared_error"),
            _row("l2_loss", "half_squared_error"),
            _row("huber_loss", "huber"),
            _row("log_cosh", "log_cosh"),
            _row("cosine_similarity", "cosine_similarity"),
            _row("cosine_distance", "cosine_distance"),
            _row("sigmoid_binary_cross_entropy", "sigmoid_binary_cross_entropy"),
            _row("sigmoid_focal_loss", "sigmoid_focal"),
            _row("softmax_cross_entropy safe_softmax_cross_entropy", "softmax_cross_entropy"),
            _row(
                "softmax_cross_entropy_with_integer_labels",
                "softmax_cross_entropy_with_integer_labels",
                "a label outside the classes gives NaN instead of counting from the end",
            ),
            _row("poly_loss_cross_entropy", "poly_cross_entropy", epsilon=2.0),
            _row("hinge_loss", "hinge"),
            _row("perceptron_loss", "perceptron"),
            _row("sparsemax_loss", "binary_sparsemax"),
            _row("multiclass_hinge_loss", "multiclass_hinge"),
            _row("multiclass_perceptron_loss", "multiclass_perceptron"),
            _row("multiclass_sparsemax_loss", "multiclass_sparsemax"),
            _row(
                "dice_loss",
                "dice",
                "probabilities instead of logits; smooth counts once here and twice there; a class that is not in the "
                "image is left out unless classes='all'",
                smooth=2.0,
            ),
            _row(
                "multiclass_generalized_dice_loss",
                "generalized_dice",
                "probabilities instead of logits; weights of each image in the quotient, there of the batch outside",
            ),
            _row("binary_dice_loss", "binary_dice", "probabilities instead of logits", smooth=2.0),
            _row("ntxent", "nt_xent", "reduced there, to the mean over positive pairs, which is our mean"),
            _row("kl_divergence", "kl_divergence"),
            _row("kl_divergence_with_log_targets", "kl_divergence_with_log_targets"),
            _row("generalized_kl_divergence", "generalized_kl_divergence"),
            _row("convex_kl_divergence", "generalized_kl_divergence", "deprecated there"),
            _row(
                "triplet_margin_loss",
                "triplet_margin",
                "p is norm_degree there; nothing is added under the root, there 1e-6; odd norms take absolute values",
            ),
        ),
        # Losses come back unreduced: reduction="none" here.
        "torchvision": (
            _row("generalized_box_iou_loss", "giou", "1e-7 is added to both denominators there"),
            _row("distance_box_iou_loss", "diou", "1e-7 is added to both denominators there"),
            _row("complete_box_iou_loss", "ciou", "1e-7 is added to the denominators there"),
        ),
        # A mean over nothing is NaN there and 0 here.
        "torch": (
            _row("L1Loss l1_loss", "absolute_error"),
            _row("MSELoss mse_loss", "squared_error"),
            _row("HuberLoss huber_loss", "huber", "with weights, the mean divides by their sum, there by the elements"),
            _row("SmoothL1Loss smooth_l1_loss", "smooth_l1"),
            _row(
                "BCEWithLogitsLoss binary_cross_entropy_with_logits",
                "sigmoid_binary_cross_entropy",
                "with weights, the mean divides by their sum, there by the number of elements",
            ),
            _row(
                "BCELoss binary_cross_entropy",
                "binary_cross_entropy",
                "probabilities are clipped at eps, there their logarithm at -100",
            ),
            _row(
                "CrossEntropyLoss cross_entropy",
                "softmax_cross_entropy_with_integer_labels",
                "class ids only, probabilities go to softmax_cross_entropy; with class weights, smoothed labels are "
                "weighted by their true class",
                axis=1,
                ignore_index=-100,
            ),
            _row("MultiLabelSoftMarginLoss multilabel_soft_margin_loss", "multilabel_soft_margin"),
            _row(
                "MultiLabelMarginLoss multilabel_margin_loss",
                "multilabel_margin",
                "labels are 0 and 1 for each class, there the ids of the classes that are present",
            ),
            _row("MultiMarginLoss multi_margin_loss", "weston_watkins", p=1, margin=1.0, normalize=True),
            _row("SoftMarginLoss soft_margin_loss", "logistic"),
            _row(
                "KLDivLoss kl_div",
                "kl_divergence",
                "summed over the last axis, there elementwise: the mean is their batchmean; log_target=True is "
                "kl_divergence_with_log_targets",
            ),
            _row(
                "TripletMarginLoss triplet_margin_loss",
                "triplet_margin",
                "nothing is added to the differences, there 1e-6",
            ),
            _row("MarginRankingLoss margin_ranking_loss", "margin_ranking"),
            _row("CosineEmbeddingLoss cosine_embedding_loss", "cosine_embedding"),
        ),
        # The target comes first there. With weights, the mean there divides by the number of elements.
        "keras": (
            _row("mse MSE mean_squared_error MeanSquaredError", "squared_error"),
            _row("mae MAE mean_absolute_error MeanAbsoluteError", "absolute_error"),
            _row(
                "mape MAPE mean_absolute_percentage_error MeanAbsolutePercentageError",
                "mean_absolute_percentage_error",
                "a fraction, there percent",
                minimum=1e-7,
            ),
            _row(
                "msle MSLE mean_squared_logarithmic_error MeanSquaredLogarithmicError",
                "squared_log_error",
                "negative predictions and targets are not raised to 1e-7",
            ),
            _row("huber huber_loss Huber", "huber"),
            _row("log_cosh logcosh LogCosh", "log_cosh"),
            _row(
                "cosine_similarity CosineSimilarity", "cosine_distance", "larger by 1, so that equal directions give 0"
            ),
            _row("hinge Hinge", "hinge", "labels are -1 and 1; a batch of 0 and 1 is not converted"),
            _row(
                "squared_hinge SquaredHinge",
                "squared_hinge",
                "labels are -1 and 1; a batch of 0 and 1 is not converted",
            ),
            _row(
                "categorical_hinge CategoricalHinge",
                "multiclass_hinge",
                "the true class does not put a 0 among the scores of the others",
            ),
            _row(
                "bce BCE binary_crossentropy BinaryCrossentropy",
                "binary_cross_entropy",
                "1e-7 is not added to what is clipped already; from_logits=True is sigmoid_binary_cross_entropy",
                eps=1e-7,
            ),
            _row(
                "categorical_crossentropy CategoricalCrossentropy",
                "categorical_cross_entropy",
                "from_logits=True is softmax_cross_entropy",
                normalize=True,
            ),
            _row(
                "sparse_categorical_crossentropy SparseCategoricalCrossentropy",
                "categorical_cross_entropy_with_integer_labels",
                "from_logits=True is softmax_cross_entropy_with_integer_labels",
                normalize=True,
            ),
            _row(
                "kld KLD kl_divergence KLDivergence kullback_leibler_divergence",
                "kl_divergence",
                "logarithms of the predictions instead of probabilities, and nothing is clipped at 1e-7",
            ),
            _row(
                "binary_focal_crossentropy BinaryFocalCrossentropy",
                "sigmoid_focal",
                "logits instead of probabilities",
                gamma=2.0,
                alpha=None,
            ),
            _row(
                "categorical_focal_crossentropy CategoricalFocalCrossentropy",
                "softmax_focal",
                "logits instead of probabilities; alpha there multiplies every class by 0.25",
                gamma=2.0,
            ),
            _row(
                "categorical_generalized_cross_entropy CategoricalGeneralizedCrossEntropy",
                "generalized_cross_entropy",
                "logits instead of probabilities",
                q=0.5,
            ),
            _row(
                "dice Dice",
                "binary_dice",
                "one value for each image, there one for the batch and all classes, as with axis=(0, 1, ...); nothing "
                "labelled and nothing predicted costs 0, there 1",
                smooth=0.0,
            ),
            _row(
                "tversky Tversky",
                "binary_tversky",
                "one value for each image, there one for the batch and all classes, as with axis=(0, 1, ...); alpha_fp "
                "is their alpha, which weighs false negatives up to Keras 3.15.1",
                alpha_fp=0.5,
                beta_fn=0.5,
                smooth=0.0,
            ),
        ),
    }
)
"""Framework to its losses. The name picks the formula: the order of the arguments, the reduction and what is said of
whole frameworks above stay those of this library; `jaxloss.compat` has functions with theirs."""


def get(name: str, *, losses: Mapping[str, Loss] | None = None, **params: Any) -> Loss:
    """Return a loss by name, with parameters bound.

    For configuration files, where a loss is a string; in code, ``jaxloss.huber`` says the same.

        >>> get("huber", delta=0.5)(jnp.array([3.0]), jnp.array([0.0]))
        Array(1.375, dtype=float32)
        >>> get("MeanSquaredError").__name__
        'squared_error'
        >>> get("ours", losses={"ours": lambda predictions, targets: jnp.sum(predictions)})(jnp.ones(3), jnp.ones(3))
        Array(3., dtype=float32)

    Args:
      name: a key of ``losses``; a loss of this library; or what optax, PyTorch or Keras call one ("mse",
        "BCEWithLogitsLoss", "torch.nn.functional.huber_loss"), see `PEERS`. The first of these that knows it answers.
      losses: your own losses by name.
      **params: parameters to bind, ``where``, ``weights`` and ``reduction`` among them.
    Returns: the loss, or a `functools.partial` of it named like ``huber(delta=0.5)``.
    Raises: ValueError for an unknown name, with the nearest ones; TypeError for a parameter that the loss lacks.
    """
    own, ours = dict(losses or {}), _losses()
    if name in own:
        return _bind(name, own[name], params)
    if name in ours:
        return _bind(name, ours[name], params)
    aliases = _aliases(name)
    if len({(alias.loss, *alias.params.items()) for alias in aliases.values()}) > 1:
        options = " or ".join(f"{framework}.{name}" for framework in aliases)
        raise ValueError(f"get: {name!r} differs between frameworks, say {options}")
    for alias in aliases.values():
        if alias.loss in ours:
            return _bind(alias.loss, ours[alias.loss], {**alias.params, **params}, alias)
    known = [*own, *ours, *(n for rows in PEERS.values() for alias in rows for n in alias.names)]
    near = dict.fromkeys(difflib.get_close_matches(name, known, n=4))
    hint = f"; did you mean {' or '.join(near)}?" if near else "; names() lists what there is"
    raise ValueError(f"get: unknown loss {name!r}{hint}")


def names() -> tuple[str, ...]:
    """Return the names of the losses of this library, sorted; `PEERS` has those of the others.

    >>> "huber" in names()
    True
    """
    return tuple(sorted(_losses()))


def _losses() -> dict[str, Loss]:
    """The public functions that reduce. Imported late: this module is a part of what it looks into."""
    import jaxloss

    found = ((name, getattr(jaxloss, name)) for name in jaxloss.__all__)
    return {name: value for name, value in found if _is_loss(value)}


def _is_loss(value: Any) -> bool:
    return inspect.isfunction(value) and "reduction" in inspect.signature(value).parameters


def _aliases(name: str) -> dict[str, Alias]:
    """What the frameworks mean by a name, or the one that a dotted name starts with: ``keras.losses.Huber``."""
    framework, _, rest = name.partition(".")
    last = rest.rpartition(".")[2]
    tables = {framework: PEERS[framework]} if rest and framework in PEERS else PEERS
    wanted = last if tables is not PEERS else name
    return {peer: alias for peer, rows in tables.items() for alias in rows if wanted in alias.names}


def _bind(name: str, loss: Loss, params: Mapping[str, Any], alias: Alias | None = None) -> Loss:
    if not params:
        return loss
    signature = inspect.signature(loss).parameters
    takes = [
        p.name
        for p in signature.values()
        if p.kind is p.KEYWORD_ONLY or (p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty)
    ]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.values())
    if not open_ended and (unknown := sorted(set(params) - set(takes))):
        note = f"; {alias.differs}" if alias is not None and alias.differs else ""
        raise TypeError(f"{name}: no parameter {', '.join(unknown)}; it takes {', '.join(takes) or 'none'}{note}")
    bound = functools.partial(loss, **params)
    title = f"{name}({', '.join(f'{key}={_short(value)}' for key, value in params.items())})"
    vars(bound).update(__name__=title, __qualname__=title, __doc__=loss.__doc__, __module__=loss.__module__)
    return bound


def _short(value: Any) -> str:
    text = f"array{value.shape}" if getattr(value, "shape", ()) else str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."
