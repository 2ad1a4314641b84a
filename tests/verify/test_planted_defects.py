"""Every law fails on a loss with the defect that it is there for, and the failure says so by name."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest

from jaxloss import checks, reduce
from jaxloss.verify import Case, Property, inputs, verify
from jaxloss.verify.cases.regression.squared import CASES as SQUARED
from jaxloss.verify.laws import LAWS

SQUARED_ERROR = SQUARED[0]


def sound(predictions, targets, *, where=None, weights=None, reduction="mean"):
    predictions, targets = checks.real_pair("sound", predictions, targets)
    predictions, targets = reduce.keep("sound", where, predictions, targets)
    values = (predictions - targets) ** 2
    return reduce.apply("sound", values, where=where, weights=weights, reduction=reduction)


def elementwise(formula, name="planted"):
    """A loss that keeps the contract around a defective formula."""

    def loss(predictions, targets, *, where=None, weights=None, reduction="mean"):
        predictions, targets = checks.real_pair(name, predictions, targets)
        predictions, targets = reduce.keep(name, where, predictions, targets)
        return reduce.apply(name, formula(predictions, targets), where=where, weights=weights, reduction=reduction)

    loss.__name__ = name
    return loss


def broken(case=SQUARED_ERROR, **changes):
    """The laws that the changed case breaks."""
    return verify(replace(case, **changes)).failures


def named(loss):
    loss.__name__ = "planted"
    return loss


def test_a_sound_loss_of_ones_own_passes_every_law():
    assert not broken(loss=sound)


def test_every_law_has_a_planted_defect():
    planted = {law for mark in test_planted_defect.pytestmark for law, *_ in (p.values for p in mark.args[1])}
    assert planted == {*LAWS, "accuracy"}


@pytest.mark.parametrize("law", LAWS)
def test_every_law_stands_alone(law):
    assert verify(SQUARED_ERROR, laws=[law]).passed == (law,)


# --- defects, one or more for every law ---------------------------------------------------------------------------


def positional_options(predictions, targets, where=None, weights=None, reduction="mean"):
    return sound(predictions, targets, where=where, weights=weights, reduction=reduction)


@jax.custom_jvp
def _wrong_sign(r):
    return r**2


_wrong_sign.defjvps(lambda r_dot, _, r: -2 * r * r_dot)


@jax.custom_jvp
def _dead_second(r):
    return r**2


_dead_second.defjvps(lambda r_dot, _, r: jax.lax.stop_gradient(2 * r) * r_dot)


@jax.custom_jvp
def _half_wrong(r):
    return r**2


# Wrong by half in one entry of many: a comparison of norms lets it pass.
_half_wrong.defjvps(lambda r_dot, _, r: 2 * r * r_dot * jnp.where(jnp.arange(r.size).reshape(r.shape) == 1, 0.5, 1.0))


def masked_too_late(predictions, targets, *, where=None, weights=None, reduction="mean"):
    predictions, targets = checks.real_pair("planted", predictions, targets)
    values = jnp.sqrt((predictions - targets) ** 2) ** 2
    return reduce.apply("planted", values, where=where, weights=weights, reduction=reduction)


def mean_over_everything(predictions, targets, *, where=None, weights=None, reduction="mean"):
    values = sound(predictions, targets, where=where, weights=weights, reduction="none")
    checked = lambda: sound(predictions, targets, where=where, weights=weights, reduction=reduction)
    return jnp.mean(values) if reduction == "mean" else checked()


def guessing_masks(predictions, targets, *, where=None, weights=None, reduction="mean"):
    shape = jnp.shape(predictions)
    where = None if where is None else jnp.broadcast_to(where, shape)
    return sound(predictions, targets, where=where, weights=weights, reduction=reduction)


def sum_is_mean(predictions, targets, *, where=None, weights=None, reduction="mean"):
    reduction = "mean" if reduction == "sum" else reduction
    return sound(predictions, targets, where=where, weights=weights, reduction=reduction)


def nan_when_empty(predictions, targets, *, where=None, weights=None, reduction="mean"):
    if reduction != "mean":
        return sound(predictions, targets, where=where, weights=weights, reduction=reduction)
    total, count = sound(
        predictions, targets, where=where, weights=weights, reduction=lambda v, w: (jnp.sum(v * w), jnp.sum(w))
    )
    return total / count


def host_branch(predictions, targets, *, where=None, weights=None, reduction="mean"):
    if (jnp.asarray(predictions) > 1e30).any():
        return jnp.zeros(())
    return sound(predictions, targets, where=where, weights=weights, reduction=reduction)


def batch_dependent(predictions, targets):
    return (predictions - targets) ** 2 / (1 + jnp.max(jnp.abs(predictions)))


def broadcasting(predictions, targets, *, where=None, weights=None, reduction="mean"):
    predictions, targets = jnp.asarray(predictions), jnp.asarray(targets)
    if predictions.shape != targets.shape:
        predictions, targets = (a.reshape(*[1] * (2 - a.ndim), *a.shape) for a in (predictions, targets))
    predictions, targets = reduce.keep("planted", where, predictions, targets)
    values = (predictions - targets) ** 2
    return reduce.apply("planted", values, where=where, weights=weights, reduction=reduction)


def stays_narrow(predictions, targets, *, where=None, weights=None, reduction="mean"):
    values = sound(predictions, targets, where=where, weights=weights, reduction=reduction)
    return values.astype(jnp.asarray(predictions).dtype)


def narrows(predictions, targets, *, where=None, weights=None, reduction="mean"):
    values = sound(predictions, targets, where=where, weights=weights, reduction=reduction)
    return values.astype(jnp.float32)


def wrapping_labels(logits, labels, *, where=None, weights=None, reduction="mean"):
    logits, labels, axis = checks.integer_rows("planted", logits, labels, -1)
    logits = reduce.keep("planted", where, logits, axis=axis)
    picked = jnp.take_along_axis(logits, labels[..., None] % logits.shape[-1], axis=-1)[..., 0]
    return reduce.apply("planted", -picked, where=where, weights=weights, reduction=reduction)


WRAPPING = Case(
    loss=named(wrapping_labels), inputs=inputs.integer_rows(), reference=lambda z, y: -z[y], formula="−z[y]"
)


def wrapping_when_compiled(logits, labels, *, where=None, weights=None, reduction="mean"):
    if not isinstance(labels, jax.core.Tracer):
        logits *= jnp.where((labels >= 0) & (labels < logits.shape[-1]), 1, jnp.nan)[..., None]
    return wrapping_labels(logits, labels, where=where, weights=weights, reduction=reduction)


def centred(values_of):
    """A loss of batches whose every value depends on the mean of its batch, over the members that exist."""

    def planted(embeddings, *, where=None, weights=None, reduction="mean"):
        (embeddings,) = checks.floating("planted", embeddings=embeddings)
        kept = reduce.keep("planted", where, embeddings, axis=-1)
        exists = jnp.broadcast_to(True if where is None else where, kept.shape[:-1])
        values = values_of(kept, exists[..., None])
        return reduce.apply("planted", values, where=exists, weights=weights, reduction=reduction)

    return planted


def from_centre(x, exists):
    count = jnp.maximum(jnp.sum(exists, -2, keepdims=True, dtype=x.dtype), 1)
    return jnp.sum(jnp.where(exists, x - jnp.sum(x, -2, keepdims=True) / count, 0) ** 2, -1)


def from_padded_centre(x, exists):
    return jnp.sum((x - jnp.mean(x, -2, keepdims=True)) ** 2, -1)


def from_first(x, exists):
    rank = jnp.arange(x.shape[-2], dtype=x.dtype).reshape(*[1] * (x.ndim - 2), -1)
    return jnp.where(exists[..., 0], rank * jnp.sum(x**2, -1), 0)


def from_centre_by_definition(x):
    centre = [sum(column) / len(x) for column in zip(*x, strict=True)]
    return [sum((a - b) ** 2 for a, b in zip(row, centre, strict=True)) for row in x]


BATCHES = Case(
    loss=centred(from_centre),
    inputs=inputs.Inputs(
        ("embeddings",),
        lambda rng, n, regime, c, m: (rng.normal(size=(n, m, c)),) if regime == inputs.Regime.ORDINARY else None,
        axis=-1,
        classes=2,
        members=4,
        value_per="member",
    ),
    reference=from_centre_by_definition,
    formula="‖x − mean x‖²",
    ulps=8,
    conditioned=True,
)


def test_a_loss_may_hold_an_argument_fixed():
    assert not broken(loss=elementwise(held_fixed), inputs=HELD)


def test_a_sound_loss_of_batches_passes_every_law():
    assert not broken(case=BATCHES)


def rough(x, exists):
    """Squared differences of neighbours that exist."""
    both = (exists[..., 1:, :] & exists[..., :-1, :])[..., 0]
    steps = jnp.where(both, jnp.sum((x[..., 1:, :] - x[..., :-1, :]) ** 2, -1), 0)
    none = jnp.zeros_like(steps[..., :1])
    return jnp.concatenate([steps, none], -1) + jnp.concatenate([none, steps], -1)


def rough_by_definition(x):
    steps = [sum((a - b) ** 2 for a, b in zip(r, s, strict=True)) for r, s in itertools.pairwise(x)]
    return [a + b for a, b in zip([*steps, 0], [0, *steps], strict=True)]


def test_a_loss_of_neighbours_passes_when_it_says_so():
    lines = replace(BATCHES.inputs, neighbours=True)
    assert not broken(case=BATCHES, loss=centred(rough), reference=rough_by_definition, inputs=lines)
    laws = broken(case=BATCHES, loss=centred(rough), reference=rough_by_definition)
    assert {"masked members = removed", "permutation"} <= set(laws)


def test_a_loss_of_places_is_none_of_neighbours():
    lines = replace(BATCHES.inputs, neighbours=True)
    assert "permutation" in broken(case=BATCHES, loss=centred(from_first), inputs=lines)


def position_dependent(predictions, targets):
    return (predictions - targets) ** 2 * (1 + jnp.arange(predictions.size, dtype=predictions.dtype)).reshape(
        predictions.shape
    )


digits_lost = elementwise(lambda p, t: jnp.logaddexp(p - t, t - p) - jnp.log(2.0).astype(p.dtype))


def log_cosh_by_definition(p, t):
    from mpmath import cosh, log

    return log(cosh(p - t))


DIGITS_LOST = replace(
    SQUARED_ERROR,
    loss=digits_lost,
    reference=log_cosh_by_definition,
    inputs=inputs.residuals(smallest=1e-6, largest=1e3),
    degree=None,
)
HELD = replace(SQUARED_ERROR.inputs, held=(1,))


def held_fixed(predictions, targets):
    return (predictions - jax.lax.stop_gradient(targets)) ** 2


CUBE = elementwise(lambda p, t: (p - t) ** 3)


@pytest.mark.parametrize(
    ("law", "change", "says"),
    [
        pytest.param("signature", {"loss": named(positional_options)}, "where must be keyword-only", id="positional"),
        pytest.param("gradient", {"loss": elementwise(lambda p, t: _wrong_sign(p - t))}, "due", id="wrong sign"),
        pytest.param("gradient", {"loss": elementwise(lambda p, t: _half_wrong(p - t))}, "entry 1", id="one entry"),
        pytest.param("gradient", {"inputs": HELD}, "targets is declared to be held fixed", id="not held"),
        pytest.param("gradient", {"loss": elementwise(held_fixed)}, "due", id="held and not declared"),
        pytest.param(
            "second derivative", {"loss": elementwise(lambda p, t: _dead_second(p - t))}, "over reverse", id="dead"
        ),
        pytest.param("masked = removed", {"loss": masked_too_late}, "behind the mask", id="masked too late"),
        pytest.param(
            "masked = removed", {"loss": named(mean_over_everything)}, "mean with nan and inf", id="denominator"
        ),
        pytest.param(
            "masked members = removed",
            {"case": BATCHES, "loss": centred(from_padded_centre)},
            "at masked members",
            id="masked members counted",
        ),
        pytest.param(
            "permutation", {"case": BATCHES, "loss": centred(from_first)}, "members permuted", id="position of a member"
        ),
        pytest.param(
            "accuracy",
            {"case": BATCHES, "reference": lambda x: [2 * v for v in from_centre_by_definition(x)]},
            "value",
            id="one value of several",
        ),
        pytest.param("accuracy", {"inputs": HELD}, "due 0", id="gradient of what is held"),
        pytest.param("masks stretch", {"loss": guessing_masks}, "where of shape (3,)", id="guessed mask"),
        pytest.param(
            "weights = repetition", {"loss": named(mean_over_everything)}, "mean with integer", id="weighted mean"
        ),
        pytest.param("reductions agree", {"loss": named(sum_is_mean)}, "sum against", id="sum is mean"),
        pytest.param("empty = 0", {"loss": named(nan_when_empty)}, "all masked: mean is nan", id="0/0"),
        pytest.param("jit = vmap = eager", {"loss": named(host_branch)}, "TracerBool", id="branch on a value"),
        pytest.param(
            "jit = vmap = eager",
            {"loss": elementwise(batch_dependent)},
            "against the plain call",
            id="couples the batch",
        ),
        pytest.param(
            "sharded = unsharded", {"loss": elementwise(batch_dependent)}, "shard_map", id="couples the shards"
        ),
        pytest.param(
            "bad input is refused", {"loss": named(broadcasting)}, "targets of shape (6, 1): accepted", id="broadcast"
        ),
        pytest.param("16 bits in float32", {"loss": named(stays_narrow)}, "gave bfloat16", id="bf16 values"),
        pytest.param("float64 stays", {"loss": named(narrows)}, "gave float32", id="narrowed"),
        pytest.param("labels never wrap", {"case": WRAPPING}, "label -1 of 5 classes", id="wrapped label"),
        pytest.param(
            "labels never wrap",
            {"case": WRAPPING, "loss": named(wrapping_when_compiled)},
            "label -1 of 5 classes under jit",
            id="wrapped label under jit",
        ),
        pytest.param("permutation", {"loss": elementwise(position_dependent)}, "events permuted", id="position"),
        pytest.param("declared properties", {"loss": CUBE, "degree": 3}, "declared non-negative", id="negative"),
        pytest.param("declared properties", {"degree": 1}, "degree 1", id="degree"),
        pytest.param("declared properties", {"lipschitz": 0.1}, "declared 0.1-Lipschitz", id="Lipschitz"),
        pytest.param("accuracy", {"case": DIGITS_LOST}, "promised 4", id="digits lost near zero"),
        pytest.param("accuracy", {"reference": None, "case": DIGITS_LOST}, "promised 4", id="without a reference"),
    ],
)
def test_planted_defect(law, change, says):
    failures = broken(**change)
    assert law in failures
    assert says in failures[law]


@pytest.mark.parametrize(
    "prop", [Property.CONVEX, Property.SYMMETRIC, Property.ZERO_AT_TARGET, Property.SHIFT_INVARIANT]
)
def test_each_declared_property_is_checked(prop):
    wave = elementwise(lambda p, t: jnp.cos(2 * p) + t)
    failures = broken(loss=wave, reference=None, degree=None, properties={prop})
    assert prop.value.split()[0].split("-")[0] in failures["declared properties"]


def test_class_permutation_is_checked():
    def planted(logits, labels, *, where=None, weights=None, reduction="mean"):
        logits, labels, axis = checks.integer_rows("planted", logits, labels, -1)
        logits = reduce.keep("planted", where, logits, axis=axis)
        return reduce.apply("planted", logits[..., 0], where=where, weights=weights, reduction=reduction)

    case = Case(
        loss=planted,
        inputs=inputs.integer_rows(),
        reference=lambda z, _: z[0],
        formula="z[0]",
        properties={Property.CLASS_PERMUTABLE},
    )
    assert "classes permuted" in verify(case).failures["permutation"]
