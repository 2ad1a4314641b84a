"""The laws of the contract: each takes a `Trial` and raises `LawError` with what came and what was due.

They take six events. What costs time is compiling, so that a law compiles what it needs in one go.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxloss.verify.case import Property
from jaxloss.verify.findings import LawError, close, raises, require
from jaxloss.verify.gradients import GradientError, check_orders
from jaxloss.verify.properties import declared_properties_hold
from jaxloss.verify.reductions import (
    empty_is_zero,
    masked_is_removed,
    masked_members_are_removed,
    masks_stretch,
    reductions_agree,
    weights_repeat,
)
from jaxloss.verify.trial import EVENTS, Trial

__all__ = ["LAWS"]


def signature(trial: Trial) -> None:
    """Data first, everything else keyword-only, ``where=None, weights=None, reduction="mean"``, no ``**kwargs``."""
    parameters = inspect.signature(trial.case.loss).parameters
    names = trial.case.inputs.names
    names = names[: len(names) - trial.case.inputs.named]
    for name, parameter in list(parameters.items())[: len(names)]:
        require(
            parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD),
            f"data argument {name} must be positional",
        )
    for name, parameter in list(parameters.items())[len(names) :]:
        require(
            parameter.kind == parameter.KEYWORD_ONLY, f"{name} must be keyword-only, got {parameter.kind.description}"
        )
    for name in ("where", "weights", "reduction"):
        require(name in parameters, f"no argument {name}")
    for name in ("where", "weights"):
        require(parameters[name].default is None, f"{name} must default to None, got {parameters[name].default!r}")
    default = parameters["reduction"].default
    require(default in ("mean", "sum"), f"reduction must default to 'mean', got {default!r}")


def gradient(trial: Trial) -> None:
    """Reverse mode, forward mode and central differences agree for all data and learnable parameters, in float64.

    What the loss declares to hold fixed has zero gradient.
    """
    with jax.enable_x64(True):
        floats, learnable, call = _differentiable(trial)
    _check_gradients(1, trial, call, floats, learnable)
    for i, slope in zip(trial.floats, trial.gradients, strict=True):
        if i in trial.case.inputs.held:
            what = f"{trial.case.inputs.names[i]} is declared to be held fixed"
            require(not np.any(slope), f"{what}: its gradient is {slope}, due 0")


def second_derivative(trial: Trial) -> None:
    """Hessian-vector products, forward over reverse and reverse twice, agree with differences of the gradient."""
    with jax.enable_x64(True):
        floats, learnable, call = _differentiable(trial)
    _check_gradients(2, trial, call, floats, learnable)


def transforms_agree(trial: Trial) -> None:
    """jit, vmap, scan and checkpoint give what the plain call gives, and equal shapes do not retrace."""
    case, traces, due_values = trial.case, [], trial.values  # computed here, not while the transforms are traced

    def transformed(*data: Any) -> Any:
        traces.append(1)
        loss = lambda *d: case(*d, reduction="sum")
        _, scanned = jax.lax.scan(lambda c, d: (c, case(*d, reduction="none")), 0, trial.grid(*data))
        return {
            "jit": case(*data, reduction="none"),
            "vmap": jax.vmap(lambda *d: case(*d, reduction="none"))(*data),
            "scan": scanned.reshape(due_values.shape),
        }, {
            "jit": jax.grad(loss, trial.floats)(*data),
            "vmap": jax.vmap(jax.grad(loss, trial.floats))(*data),
            "checkpoint": jax.grad(jax.checkpoint(loss), trial.floats)(*data),
        }

    compiled = trial.compiled(transformed)
    values, gradients = compiled(*trial.data)
    compiled(*(a + 0 for a in trial.data))
    require(len(traces) == 1, f"traced {len(traces)} times for equal shapes")
    for transform, got in values.items():
        close(got, due_values, f"{transform} against the plain call")
    for transform, slopes in gradients.items():
        for name, got, due in zip(trial.float_names, slopes, trial.gradients, strict=True):
            close(got, due, f"gradient of {name} under {transform}")


def sharded_is_unsharded(trial: Trial) -> None:
    """Events spread over the devices give the same loss, under jit and, by the sums, under shard_map."""
    devices = jax.devices()[:2]
    mesh = Mesh(np.array(devices), ("events",))
    spread = jax.device_put(trial.data, NamedSharding(mesh, PartitionSpec("events")))

    def sums(*data: Any) -> Any:
        total, count = trial.case(*data, reduction=lambda v, w: (jnp.sum(v * w), jnp.sum(w)))
        return jax.lax.psum(total, "events") / jax.lax.psum(count, "events")

    specs = tuple(PartitionSpec("events") for _ in trial.data)
    mapped = jax.shard_map(sums, mesh=mesh, in_specs=specs, out_specs=PartitionSpec())
    got, by_sums = trial.compiled(lambda *d: (trial.case(*d, reduction="mean"), mapped(*d)))(*spread)
    due = trial.case(*trial.data, reduction="mean")
    close(got, due, f"jit over {len(devices)} devices")
    close(by_sums, due, f"shard_map over {len(devices)} devices")


def bad_input_is_refused(trial: Trial) -> None:
    """Unequal shapes, integer predictions and float masks raise an error that names the loss."""
    case, data = trial.case, trial.data
    for i in range(1, case.inputs.compare):
        wrong = list(data)
        wrong[i] = data[i][..., None]
        raises(ValueError, lambda w=wrong: case(*w), f"{case.inputs.names[i]} of shape {wrong[i].shape}", trial)
        wrong[i] = data[i][:1]
        raises(ValueError, lambda w=wrong: case(*w), f"{case.inputs.names[i]} of shape {wrong[i].shape}", trial)
    if case.inputs.labels == "integer":
        raises(ValueError, lambda: case(data[0], data[1][:, None]), "labels with one axis too many", trial)
    integers = (jnp.ones(data[0].shape, jnp.int32), *data[1:])
    raises(TypeError, lambda: case(*integers), f"integer {case.inputs.names[0]}", trial)
    raises(TypeError, lambda: case(*data, where=trial.where(jnp.ones(EVENTS))), "a float mask", trial)


def low_precision_is_computed_in_float32(trial: Trial) -> None:
    """16-bit inputs give what their float32 values give, in float32; gradients come back in the input's dtype."""
    for dtype in (jnp.bfloat16, jnp.float16):
        narrow = tuple(a.astype(dtype) if i in trial.floats else a for i, a in enumerate(trial.data))
        wide = tuple(a.astype(jnp.float32) if i in trial.floats else a for i, a in enumerate(narrow))
        got = trial.case(*narrow, reduction="none")
        require(got.dtype == jnp.float32, f"{dtype.__name__} inputs gave {got.dtype}, due float32")
        close(got, trial.case(*wide, reduction="none"), f"values of {dtype.__name__} inputs")
        slopes = trial.gradients_at(*narrow, reduction="sum")
        for name, slope, due in zip(trial.float_names, slopes, trial.gradients_at(*wide, reduction="sum"), strict=True):
            require(slope.dtype == dtype, f"gradient of {name} is {slope.dtype}, due {dtype.__name__}")
            rounding = 2 * float(jnp.finfo(dtype).eps)
            close(slope.astype(jnp.float32), due, f"gradient of {name} in {dtype.__name__}", rounding)


def double_stays_double(trial: Trial) -> None:
    """float64 inputs give a float64 loss, and finite values."""
    with jax.enable_x64(True):
        data = tuple(a.astype(jnp.float64) if i in trial.floats else a for i, a in enumerate(trial.data))
        got = trial.compiled(lambda *data: trial.case(*data))(*data)
    require(got.dtype == jnp.float64, f"float64 inputs gave {got.dtype}")
    require(bool(np.isfinite(got)), f"float64 inputs gave {got}")


def labels_never_wrap(trial: Trial) -> None:
    """A label outside the classes makes value and gradient of its row NaN, unless masked or ``ignore_index``."""
    if trial.case.inputs.labels != "integer":
        return
    rows, labels = trial.data
    case, classes = trial.case, trial.case.inputs.classes
    # Compiled as well: XLA may turn a product of NaN and a truth value into a choice, which loses the NaN.
    outcome = lambda labels: (case(rows, labels, reduction="none"), *trial.gradients_at(rows, labels, reduction="sum"))
    for how, run in (("", outcome), (" under jit", jax.jit(outcome))):
        for bad in (-1, -100, classes, 10**6) if how else (-1,):
            values, slope = map(np.asarray, run(labels.at[2].set(bad)))
            what = f"label {bad} of {classes} classes{how}"
            require(bool(np.isnan(values[2]).all()), f"{what}: value {values[2]}, due NaN")
            require(bool(np.isfinite(np.delete(values, 2, axis=0)).all()), f"{what} spoils other rows: {values}")
            require(bool(np.isnan(slope[2]).all()), f"{what}: gradient {slope[2]}, due NaN")
    if "ignore_index" in inspect.signature(case.loss).parameters:
        ignored = trial.compiled(
            lambda wrong, kept: (
                case(rows, wrong, ignore_index=-100),
                case(rows, labels, where=kept),
                *trial.gradients_at(rows, wrong, ignore_index=-100),
            )
        )
        got, due, slope = ignored(labels.at[2].set(-100), trial.where(jnp.arange(EVENTS) != 2))
        close(got, due, "ignore_index against where")
        require(bool(jnp.all(slope[2] == 0)), f"ignored row has gradient {slope[2]}, due 0")


def events_are_interchangeable(trial: Trial) -> None:
    """Permuting the events, and the members of each, permutes the values; so do the classes where that is declared."""
    order, inputs = np.array([3, 0, 5, 1, 4, 2]), trial.case.inputs
    close(trial.case(*(a[order] for a in trial.data), reduction="none"), trial.values[order], "events permuted")
    if Property.CLASS_PERMUTABLE in trial.case.properties:
        rows, labels = trial.data[0], trial.data[1]
        classes = _odd_first(rows.shape[-1])
        integer = labels.ndim < rows.ndim
        moved = jnp.asarray(np.argsort(classes), jnp.int32)[labels] if integer else labels[..., classes]
        due = trial.values[:, classes] if inputs.value_per == "class" else trial.values
        close(trial.case(rows[..., classes], moved, reduction="none"), due, "classes permuted")
    if inputs.members is not None:
        moved = np.arange(inputs.members)[::-1] if inputs.neighbours else _odd_first(inputs.members)
        data = (a[:, moved] if inputs.has_members(i) else a for i, a in enumerate(trial.data))
        due = trial.values[:, moved] if inputs.value_per == "member" else trial.values
        close(trial.case(*data, reduction="none"), due, "members permuted")


LAWS: Mapping[str, Callable[[Trial], None]] = MappingProxyType(
    {
        "signature": signature,
        "gradient": gradient,
        "second derivative": second_derivative,
        "masked = removed": masked_is_removed,
        "masked members = removed": masked_members_are_removed,
        "masks stretch": masks_stretch,
        "weights = repetition": weights_repeat,
        "reductions agree": reductions_agree,
        "empty = 0": empty_is_zero,
        "jit = vmap = eager": transforms_agree,
        "sharded = unsharded": sharded_is_unsharded,
        "bad input is refused": bad_input_is_refused,
        "16 bits in float32": low_precision_is_computed_in_float32,
        "float64 stays": double_stays_double,
        "labels never wrap": labels_never_wrap,
        "permutation": events_are_interchangeable,
        "declared properties": declared_properties_hold,
    }
)
"""Every law by its name; `jaxloss.verify.accuracy` adds the error against the reference."""


def _differentiable(trial: Trial) -> tuple[list[Any], list[Any], Callable[..., Any]]:
    """Float data, learnable parameters, and the unreduced loss as a function of both, in float64."""
    learnable = list(trial.case.learnable)
    free = [i for i in trial.floats if i not in trial.case.inputs.held]

    def call(floats: list[Any], params: list[Any]) -> Any:
        moved = dict(zip(free, floats, strict=True))
        data = [moved.get(i, a) for i, a in enumerate(trial.data)]
        return trial.case(*data, **dict(zip(learnable, params, strict=True)), reduction="none")

    floats = [trial.data[i].astype(jnp.float64) for i in free]
    return floats, [jnp.asarray(trial.case.params[key], jnp.float64) for key in learnable], call


def _check_gradients(order: int, trial: Trial, *function_and_arguments: Any) -> None:
    try:
        check_orders((order,), trial.compiled, *function_and_arguments)
    except GradientError as error:
        raise LawError(str(error)) from error


def _odd_first(n: int) -> np.ndarray:
    """An order that is not the given one, whatever n: a random one may be."""
    return np.concatenate([np.arange(1, n, 2), np.arange(0, n, 2)])
