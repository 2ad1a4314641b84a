"""The laws of masks, weights and reductions, and of nothing left: what a sum runs over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.verify.findings import close, raises, require
from jaxloss.verify.trial import EVENTS, Trial

__all__ = [
    "empty_is_zero",
    "masked_is_removed",
    "masked_members_are_removed",
    "masks_stretch",
    "reductions_agree",
    "weights_repeat",
]


def masked_is_removed(trial: Trial) -> None:
    """``loss(x, where=m)`` equals ``loss(x[m])`` with NaN, inf or a label of -100 behind the mask; gradient there 0."""
    kept = np.array([True, False, True, True, False, True])
    case, members = trial.case, trial.case.inputs.has_members
    # What has no members, such as the proxies of the classes, is not masked either.
    whole = case.inputs.members is None
    poisoned = tuple(_poison(a) if whole or members(i) else a for i, a in enumerate(trial.data))
    removed = tuple(a[kept] for a in trial.data)

    @trial.compiled
    def run(poisoned: Any, removed: Any, where: Any) -> Any:
        slope = lambda key: jax.grad(lambda v: case(*poisoned, **{key: v}, where=where))(jnp.float32(case.params[key]))
        masked = {
            "sum": case(*poisoned, where=where, reduction="sum"),
            "mean": case(*poisoned, where=where),
            "none": case(*poisoned, where=where, reduction="none"),
            "slopes": trial.gradients_at(*poisoned, where=where),
            "learnable": {key: slope(key) for key in case.learnable},
        }
        return masked, {
            "sum": case(*removed, reduction="sum"),
            "mean": case(*removed),
            "slopes": trial.gradients_at(*removed),
        }

    got, due = run(poisoned, removed, trial.where(kept))
    for reduction in ("mean", "sum"):
        close(got[reduction], due[reduction], f"{reduction} with nan and inf behind the mask")
    for name, slope, slope_due in zip(trial.float_names, got["slopes"], due["slopes"], strict=True):
        leaked = np.asarray(slope)[~kept]
        require(bool(np.all(leaked == 0)), f"gradient of {name} with nan and inf behind the mask: {leaked}, due 0")
        close(np.asarray(slope)[kept], slope_due, f"gradient of {name} where kept, with nan and inf behind the mask")
    for key, slope in got["learnable"].items():
        require(bool(np.all(np.isfinite(slope))), f"gradient of {key} with nan and inf behind the mask: {slope}")
    close(got["none"], jnp.where(trial.weights(kept), trial.values, 0), "reduction='none'")


def masked_members_are_removed(trial: Trial) -> None:
    """A masked pixel, example or item is as if its event had never had it, with NaN, inf or a label of -100 there."""
    case, inputs = trial.case, trial.case.inputs
    if inputs.members is None:
        return
    dropped = (inputs.members - 2 if inputs.neighbours else 1, inputs.members - 1)
    kept = ~np.isin(np.arange(inputs.members), dropped)
    poisoned = tuple(
        _poison(a.swapaxes(0, 1), dropped).swapaxes(0, 1) if inputs.has_members(i) else a
        for i, a in enumerate(trial.data)
    )
    removed = tuple(a[:, kept] if inputs.has_members(i) else a for i, a in enumerate(trial.data))

    @trial.compiled
    def run(poisoned: Any, removed: Any, where: Any) -> Any:
        results = lambda data, **options: {
            "sum": case(*data, **options, reduction="sum"),
            "mean": case(*data, **options),
            "none": case(*data, **options, reduction="none"),
            "slopes": trial.gradients_at(*data, **options, reduction="sum"),
        }
        return results(poisoned, where=where), results(removed)

    got, due = run(poisoned, removed, jnp.broadcast_to(kept, (EVENTS, inputs.members)))
    for reduction in ("mean", "sum"):
        close(got[reduction], due[reduction], f"{reduction} with nan and inf at masked members")
    values = np.asarray(got["none"])
    if inputs.value_per == "member":
        require(bool(np.all(values[:, ~kept] == 0)), f"values of masked members: {values[:, ~kept]}, due 0")
        values = values[:, kept]
    close(values, due["none"], "reduction='none' with nan and inf at masked members")
    for i, slope, slope_due in zip(trial.floats, map(np.asarray, got["slopes"]), due["slopes"], strict=True):
        what = f"gradient of {inputs.names[i]} with nan and inf at masked members"
        if inputs.has_members(i):
            require(bool(np.all(slope[:, ~kept] == 0)), f"{what}: {slope[:, ~kept]}, due 0")
            slope = slope[:, kept]
        close(slope, slope_due, what)


def masks_stretch(trial: Trial) -> None:
    """Axes of size 1 of ``where`` and ``weights`` stretch; a mask with fewer axes is refused."""
    case, rows = trial.case, trial.grid(*trial.data)

    @trial.compiled
    def run(column: Any, *rows: Any) -> Any:
        where, weights, first = trial.where(column), trial.weights(column.astype(jnp.float32)), [a[0] for a in rows]
        return case(*rows, where=where), case(*rows, weights=weights), case(*first, where=True), case(*first)

    masked, weighted, everywhere, due = run(jnp.array([[True], [False]]), *rows)
    close(masked, due, "where of shape (2, 1) on (2, 3)")
    close(weighted, due, "weights of shape (2, 1) on (2, 3)")
    close(everywhere, due, "where=True")
    for options in ({"where": jnp.ones(3, bool)}, {"weights": jnp.ones(3)}):
        raises(
            ValueError,
            lambda o=options: trial.case(*rows, **o),
            f"{next(iter(options))} of shape (3,) on (2, 3)",
            trial,
        )


def weights_repeat(trial: Trial) -> None:
    """An integer weight counts an event that often, weight 0 removes it, and ``"mean"`` divides by their sum."""
    counts = np.array([1, 0, 3, 2, 1, 0])
    case, weights = trial.case, trial.weights(jnp.asarray(counts, jnp.float32))
    repeated = tuple(jnp.repeat(a, counts, axis=0) for a in trial.data)

    @trial.compiled
    def run(data: Any, repeated: Any, weights: Any) -> Any:
        reductions = {
            reduction: (case(*data, weights=weights, reduction=reduction), case(*repeated, reduction=reduction))
            for reduction in ("mean", "sum")
        }
        slope = jax.grad(lambda w: case(*data, weights=w, reduction="sum"))(weights)
        return reductions, case(*data, weights=weights, reduction="none"), slope

    reductions, values, slope = run(trial.data, repeated, weights)
    for reduction, (got, due) in reductions.items():
        close(got, due, f"{reduction} with integer weights")
    close(values, trial.values * weights, "reduction='none'")
    due = trial.values.reshape(*slope.shape, -1).sum(-1)  # a weight of an event is that of all its values
    close(slope, due.reshape(slope.shape), "gradient of the sum with respect to the weights")


def reductions_agree(trial: Trial) -> None:
    """The sum is the sum of ``"none"``, a function receives values and weights, an unknown name is refused."""
    close(trial.case(*trial.data, reduction="sum"), jnp.sum(trial.values), "sum against the sum of 'none'")
    values, weights = trial.case(*trial.data, reduction=lambda values, weights: (values, weights))
    require(values.shape == weights.shape, f"a function received shapes {values.shape} and {weights.shape}")
    mean = trial.case(*trial.data, reduction="mean")
    close(mean, jnp.sum(values * weights) / jnp.sum(weights), "mean against sum(w v) / sum(w)")
    require(mean.shape == (), f"mean has shape {mean.shape}, due ()")
    raises(ValueError, lambda: trial.case(*trial.data, reduction="avg"), "reduction='avg'", trial)


def empty_is_zero(trial: Trial) -> None:
    """Nothing left gives 0 with zero gradient: all masked, no weight, or no event at all."""
    nothing = {
        "all masked": {"where": trial.where(jnp.zeros(EVENTS, bool))},
        "no weight": {"weights": trial.weights(jnp.zeros(EVENTS))},
    }
    none = tuple(a[:0] for a in trial.data)

    @trial.compiled
    def run(nothing: Any, data: Any, none: Any) -> Any:
        reduced = {
            what: {reduction: trial.case(*data, **options, reduction=reduction) for reduction in ("mean", "sum")}
            for what, options in nothing.items()
        }
        slopes = {what: trial.gradients_at(*data, **options) for what, options in nothing.items()}
        return reduced | {"no events": {"mean": trial.case(*none)}}, slopes

    reduced, slopes = run(nothing, trial.data, none)
    for what, results in reduced.items():
        for reduction, got in results.items():
            require(bool(got == 0), f"{what}: {reduction} is {got}, due 0")
    for what, gradients in slopes.items():
        for name, slope in zip(trial.float_names, gradients, strict=True):
            require(bool(jnp.all(slope == 0)), f"{what}: gradient of {name} is {slope}, due 0")


def _poison(array: jax.Array, at: Sequence[int] = (1, 4)) -> jax.Array:
    """Put NaN at the first of two places and inf at the other; labels of -100 and of a million."""
    bad = (np.nan, np.inf) if jnp.issubdtype(array.dtype, jnp.floating) else (-100, 10**6)
    return array.at[at[0]].set(bad[0]).at[at[1]].set(bad[1])
