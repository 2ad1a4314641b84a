"""Wing and adaptive wing losses."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.regression.landmarks import adaptive_wing, wing

RESIDUALS = jnp.array([0.0, 1e-8, 0.3, 1.999, 2.0, 2.001, 15.0, -15.0, 1e30])


def test_wing_is_the_paper():
    def paper(r, w, e):
        return w * np.log(1 + abs(r) / e) if abs(r) < w else abs(r) - (w - w * np.log(1 + w / e))

    due = [paper(float(r), 2.0, 0.5) for r in RESIDUALS]
    got = wing(RESIDUALS, jnp.zeros(9), width=2.0, curvature=0.5, reduction="none")
    np.testing.assert_allclose(got, due, rtol=3e-7)


def test_a_wing_of_small_width_does_not_cancel():
    # The constant of the paper, w - w log(1 + w / e), is all of the value here.
    got = wing(jnp.array([1e-3, 1.001e-3]), jnp.zeros(2), width=1e-3, curvature=1e3, reduction="none")
    np.testing.assert_allclose(got, [1e-9, 1e-9 + 1e-6], rtol=1e-4)
    np.testing.assert_allclose(got[0], 1e-9, rtol=6e-7)


def test_wing_gradient_is_zero_at_the_target_and_one_from_the_width():
    slope = jax.grad(lambda p: wing(p, jnp.zeros(4), width=2.0, curvature=0.5, reduction="sum"))
    np.testing.assert_allclose(slope(jnp.array([0.0, 1e-9, 2.0, -3.0])), [0, 4, 1, -1], rtol=1e-6)


@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_adaptive_wing_is_the_paper(target):
    alpha, omega, epsilon, theta = 2.1, 14.0, 1.0, 0.5

    def paper(r):
        n = alpha - target
        slope = omega / (1 + (theta / epsilon) ** n) * n * (theta / epsilon) ** (n - 1) / epsilon
        offset = theta * slope - omega * np.log(1 + (theta / epsilon) ** n)
        return omega * np.log(1 + abs(r / epsilon) ** n) if abs(r) < theta else slope * abs(r) - offset

    with jax.enable_x64(True):
        residuals = jnp.array([0.0, 0.1, -0.4999, 0.5, 0.7, -20.0])
        got = adaptive_wing(residuals + target, jnp.full(6, target), reduction="none")
        np.testing.assert_allclose(got, [paper(float(r)) for r in residuals], rtol=1e-12)


def test_adaptive_wing_has_finite_gradients_at_the_target():
    targets = jnp.array([0.0, 0.3, 1.0])
    for argument in (0, 1):
        assert not jax.grad(adaptive_wing, argument)(targets, targets).any()


def test_adaptive_wing_keeps_the_digits_of_tiny_residuals():
    # 2.1 - 0.9819427 rounds, which a residual of 1e-6 magnifies thirtyfold.
    p, t = np.float32(0.98194367), np.float32(0.9819427)
    n, r = float(np.float32(2.1)) - float(t), float(p) - float(t)
    due = 14 * n * r ** (n - 1) / (1 + r**n)
    np.testing.assert_allclose(jax.jit(jax.grad(adaptive_wing))(p, t), due, rtol=4e-7)


def test_parameters_out_of_range_are_refused():
    x = jnp.zeros(3)
    for loss, name in (
        (wing, "width"),
        (wing, "curvature"),
        *((adaptive_wing, n) for n in ("omega", "epsilon", "theta")),
    ):
        with pytest.raises(ValueError, match=f"{loss.__name__}: {name} must be positive, got 0"):
            partial(loss, **{name: 0})(x, x)
    with pytest.raises(ValueError, match="adaptive_wing: alpha must be > 1"):
        adaptive_wing(x, x, alpha=1)
