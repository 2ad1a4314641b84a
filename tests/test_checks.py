"""The wording and the decisions of the trace-time checks."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import checks


def test_sixteen_bits_are_computed_in_float32():
    predictions, targets = checks.real_pair("loss", jnp.ones(2, jnp.bfloat16), jnp.ones(2, jnp.float16))
    assert predictions.dtype == targets.dtype == jnp.float32


def test_targets_may_be_integers_or_booleans():
    for dtype in (jnp.int32, jnp.uint8, jnp.bool_):
        _, targets = checks.real_pair("loss", jnp.ones(2), jnp.ones(2, dtype))
        assert targets.dtype == jnp.float32


def test_python_numbers_and_numpy_arrays_are_arrays():
    predictions, targets = checks.real_pair("loss", 1.0, 0)
    assert predictions.shape == targets.shape == ()
    checks.real_pair("loss", np.ones(3), [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("predictions", "targets", "kind", "message"),
    [
        (jnp.ones(4), jnp.ones((4, 1)), ValueError, r"huber: predictions and targets .* got \(4,\) and \(4, 1\)"),
        (jnp.ones(4), jnp.ones(1), ValueError, r"same shape, got \(4,\) and \(1,\)"),
        (jnp.ones(4, jnp.int32), jnp.ones(4), TypeError, "huber: predictions must be floating point, got int32"),
        (jnp.ones(4, complex), jnp.ones(4), TypeError, "predictions must be floating point, got complex64"),
        (jnp.ones(4), jnp.ones(4, complex), TypeError, "targets must be real, got complex64"),
        ("text", jnp.ones(4), TypeError, "huber: predictions must be an array, got str"),
        (None, jnp.ones(4), TypeError, "huber: predictions must be an array, got NoneType"),
    ],
)
def test_real_pair_refuses(predictions, targets, kind, message):
    with pytest.raises(kind, match=message):
        checks.real_pair("huber", predictions, targets)


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (jnp.ones(2), TypeError, "labels must be integer class ids, got float32"),
        (jnp.ones((2, 1), jnp.int32), ValueError, r"labels must have shape \(2,\), .* without axis -1, got \(2, 1\)"),
        (jnp.ones(3, jnp.int32), ValueError, r"got \(3,\)"),
    ],
)
def test_integer_rows_refuses(labels, kind, message):
    with pytest.raises(kind, match=message):
        checks.integer_rows("loss", jnp.ones((2, 3)), labels, -1)


def test_the_class_axis_is_counted_from_the_end():
    _, labels, axis = checks.integer_rows("loss", jnp.ones((2, 3, 4)), jnp.zeros((2, 4), jnp.uint8), 1)
    assert axis == -2
    assert labels.dtype == jnp.int32
    with pytest.raises(ValueError, match="axis 3 is out of range for logits"):
        checks.integer_rows("loss", jnp.ones((2, 3, 4)), jnp.zeros((2, 4), jnp.uint8), 3)


def test_dense_rows_sends_class_ids_elsewhere():
    with pytest.raises(TypeError, match="class ids go to the loss for integer labels"):
        checks.dense_rows("loss", jnp.ones((2, 3)), jnp.zeros((2, 3), jnp.int32), -1)


def test_python_parameters_are_checked_and_stay_python_numbers():
    like = jnp.ones((2, 3))
    assert checks.parameter("loss", "gamma", 2, like, minimum=0) == 2
    assert isinstance(checks.parameter("loss", "gamma", np.float64(2), like), float)
    for value in (-1.0, 0, float("nan"), np.float32(-2)):
        with pytest.raises(ValueError, match="huber: delta must be positive, got"):
            checks.parameter("huber", "delta", value, like, above=0)
    with pytest.raises(ValueError, match="q must be > 0 and < 1, got 1"):
        checks.parameter("quantile", "q", 1, like, above=0, below=1)


def test_array_parameters_are_cast_and_must_stretch():
    like = jnp.ones((2, 3), jnp.float32)
    assert checks.parameter("loss", "delta", jnp.ones((1, 3), jnp.bfloat16), like).dtype == jnp.float32
    with pytest.raises(ValueError, match=r"delta must be a scalar or have 2 axes .* got \(3,\)"):
        checks.parameter("loss", "delta", jnp.ones(3), like)
    with pytest.raises(TypeError, match="delta must be a real number, got bool"):
        checks.parameter("loss", "delta", jnp.ones((), bool), like)


def test_choice_lists_the_options():
    with pytest.raises(ValueError, match="loss: ties must be one of 'breslow', 'efron', got 'exact'"):
        checks.choice("loss", "ties", "exact", ("breslow", "efron"))
