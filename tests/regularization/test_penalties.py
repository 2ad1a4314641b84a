"""Penalties over pytrees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from jaxloss import compose
from jaxloss.regression.squared import squared_error
from jaxloss.regularization import elastic_net, group_lasso, l1, l2
from jaxloss.verify import check_gradients

RNG = np.random.default_rng(0)
TREE = {
    "dense": {"w": jnp.array([[1.0, -2.0, 0.0], [3.0, 0.5, -4.0]]), "b": jnp.array([10.0, -20.0, 30.0])},
    "scale": jnp.array(-5.0),
}
PENALTIES = (l1, l2, elastic_net)


def test_a_loss_with_a_penalty_trains_to_the_ridge_solution():
    # Empirical plus structural risk: mean loss + strength * l2, whose minimum is known in closed form.
    x = jnp.asarray(RNG.normal(size=(30, 3)))
    y = x @ jnp.array([1.0, -2.0, 0.5]) + 3
    strength = 0.1

    def objective(params, x, y):
        fit = squared_error(x @ params["w"] + params["b"], y)
        return fit + strength * l2(params, where={"w": True, "b": False})

    with jax.enable_x64(True):
        params = {"w": jnp.zeros(3), "b": jnp.zeros(())}
        x, y = x.astype(float), y.astype(float)
        check_gradients(lambda params: objective(params, x, y), {"w": jnp.ones(3), "b": jnp.ones(())})
        step = jax.jit(lambda p: jax.tree.map(lambda a, g: a - 0.2 * g, p, jax.grad(objective)(p, x, y)))
        for _ in range(300):
            params = step(params)
        due = Ridge(alpha=strength * len(y)).fit(np.asarray(x), np.asarray(y))
    np.testing.assert_allclose(params["w"], due.coef_, rtol=1e-6)
    np.testing.assert_allclose(params["b"], due.intercept_, rtol=1e-6)


@pytest.mark.parametrize("penalty", [l1, l2])
def test_compose_reports_loss_and_penalty_apart(penalty):
    fit = lambda params, x, y: squared_error(params["w"] * x, y)
    objective = compose.regularized(fit, penalty, 0.5)
    total, report = objective({"w": jnp.array(3.0)}, jnp.ones(2), jnp.ones(2))
    assert total == report["loss"] + 0.5 * report["penalty"]
    assert report["penalty"] == penalty(jnp.array(3.0))


def test_all_leaves_count_together():
    assert l1(TREE) == 75.5
    np.testing.assert_allclose(l1(TREE, reduction="mean"), 75.5 / 10)
    np.testing.assert_allclose(l2(TREE), 1455.25, rtol=1e-7)
    np.testing.assert_allclose(elastic_net(TREE, l1_ratio=0.25), 0.25 * 75.5 + 0.75 * 1455.25, rtol=1e-6)
    values = l1(TREE, reduction="none")
    assert jax.tree.structure(values) == jax.tree.structure(TREE)
    np.testing.assert_array_equal(values["dense"]["w"], jnp.abs(TREE["dense"]["w"]))


def test_elastic_net_ends_at_l1_and_l2_and_reaches_sklearns():
    assert elastic_net(TREE, l1_ratio=1) == l1(TREE)
    assert elastic_net(TREE, l1_ratio=0) == l2(TREE)
    strength, ratio = 0.3, 0.2
    due = strength * ratio * l1(TREE) + 0.5 * strength * (1 - ratio) * l2(TREE)
    got = strength * (1 + ratio) / 2 * elastic_net(TREE, l1_ratio=2 * ratio / (1 + ratio))
    np.testing.assert_allclose(got, due, rtol=1e-6)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_masks_and_weights_of_upper_levels(penalty, reduction):
    due = penalty(TREE["dense"], reduction=reduction)
    for where in ({"dense": True, "scale": False}, {"dense": None, "scale": jnp.array(False)}):
        np.testing.assert_allclose(penalty(TREE, where=where, reduction=reduction), due, rtol=1e-6)
    weights = {"dense": {"w": 1.0, "b": jnp.ones(3)}, "scale": 0.0}
    np.testing.assert_allclose(penalty(TREE, weights=weights, reduction=reduction), due, rtol=1e-6)
    columns = {"dense": {"w": jnp.array([[True, False, True]]), "b": False}, "scale": False}
    due = penalty(TREE["dense"]["w"][:, ::2], reduction=reduction)
    np.testing.assert_allclose(penalty(TREE, where=columns, reduction=reduction), due, rtol=1e-6)


def test_the_mean_divides_by_the_weight_of_all_leaves():
    weights = {"dense": {"w": 2.0, "b": None}, "scale": 0.0}
    np.testing.assert_allclose(l1(TREE, weights=weights, reduction="mean"), (2 * 10.5 + 60) / (2 * 6 + 3), rtol=1e-6)
    assert l1(TREE, where=False, reduction="mean") == 0


def test_what_is_masked_is_not_looked_at():
    tree = {"w": jnp.array([1.0, -2.0]), "b": jnp.array([jnp.nan, jnp.inf])}
    for penalty in (*PENALTIES, group_lasso):
        value, slopes = jax.value_and_grad(lambda p, f=penalty: f(p, where={"w": True, "b": False}))(tree)
        np.testing.assert_allclose(value, penalty(tree["w"]), rtol=1e-6)
        assert not slopes["b"].any()


def test_a_function_receives_all_values_flat():
    mask = {"dense": {"w": jnp.array([[True], [False]]), "b": True}, "scale": True}
    values, weights = l1(TREE, where=mask, weights=2.0, reduction=lambda values, weights: (values, weights))
    assert values.shape == weights.shape == (10,)
    assert jnp.sum(values * weights) == 2 * (1 + 2 + 60 + 5)
    assert jnp.sum(weights) == 2 * 7


def test_an_empty_tree_costs_nothing():
    assert l2({}) == 0
    assert l2({}, reduction="mean") == 0
    assert l2({"frozen": None, "w": jnp.ones(3)}, where={"frozen": None, "w": True}) == 3


def test_dtypes_are_kept_apart():
    tree = {"w": jnp.ones(3, jnp.bfloat16), "b": jnp.ones(2)}
    value, slopes = jax.value_and_grad(l2)(tree)
    assert value.dtype == jnp.float32
    assert slopes["w"].dtype == jnp.bfloat16
    assert slopes["b"].dtype == jnp.float32


@pytest.mark.parametrize("penalty", [*PENALTIES, group_lasso])
def test_what_is_no_parameter_is_refused_by_the_path_of_its_leaf(penalty):
    name = penalty.__name__
    with pytest.raises(TypeError, match=rf"{name}: parameters\['step'\] must be floating point, got int32"):
        penalty({"w": jnp.ones(2), "step": jnp.array(3)})
    with pytest.raises(TypeError, match=rf"{name}: parameters\['layers'\]\[1\] must be an array, got str"):
        penalty({"layers": [jnp.ones(2), "relu"]})


def test_masks_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="l1: where must match the parameters"):
        l1(TREE, where={"dense": True})
    with pytest.raises(ValueError, match="l2: weights must match the parameters"):
        l2(jnp.ones(3), weights={"w": 1.0})
    with pytest.raises(ValueError, match=r"l1: parameters\['dense'\]\['w'\]: where must be a scalar or have 2 axes"):
        l1(TREE, where={"dense": {"w": jnp.ones(3, bool), "b": None}, "scale": None})
    with pytest.raises(TypeError, match=r"l1: parameters\['scale'\]: weights must be real numbers, got bool"):
        l1(TREE, weights={"dense": None, "scale": True})
    with pytest.raises(ValueError, match="elastic_net: l1_ratio must be >= 0 and <= 1"):
        elastic_net(TREE, l1_ratio=2)


def test_groups_are_what_the_axes_say():
    kernel = jnp.asarray(RNG.normal(size=(3, 3, 2, 4)), jnp.float32)
    per_output = np.linalg.norm(np.asarray(kernel).reshape(18, 4), axis=0)
    for axis in ((0, 1, 2), (-2, 0, 1)):
        got = group_lasso(kernel, axis=axis, reduction="none")
        np.testing.assert_allclose(got, np.sqrt(18) * per_output, rtol=1e-6)
    got = group_lasso(kernel, axis=0, size_factor=False, reduction="none")
    np.testing.assert_allclose(got, np.linalg.norm(kernel, axis=0), rtol=1e-6)
    where = jnp.array([True, False, False, True])
    got = group_lasso(kernel, axis=(0, 1, 2), size_factor=False, where=where)
    np.testing.assert_allclose(got, per_output[0] + per_output[3], rtol=1e-6)
    with pytest.raises(ValueError, match=r"group_lasso: axis 1 is out of range for parameters\['b'\] of shape \(3,\)"):
        group_lasso(TREE["dense"], axis=1)


def test_zero_groups_have_no_gradient_and_huge_ones_do_not_overflow():
    groups = jnp.array([[0.0, 0.0], [3e30, 4e30], [3e-30, 4e-30]])
    value, slope = jax.value_and_grad(lambda p: group_lasso(p, size_factor=False))(groups)
    np.testing.assert_allclose(value, 5e30, rtol=1e-6)
    np.testing.assert_allclose(slope, [[0, 0], [0.6, 0.8], [0.6, 0.8]], rtol=1e-6)
    for penalty in PENALTIES:
        assert not jax.grad(penalty)(jnp.zeros(3)).any()
