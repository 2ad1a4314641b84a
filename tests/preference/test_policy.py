"""Policy losses: the formulas of TRL in PyTorch, gradients and denominators included; extreme ratios; advantages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import group_advantages, grpo, kl_penalty, policy_gradient, ppo_clip, ppo_value
from jaxloss.preference.group import VARIANTS

RNG = np.random.default_rng(2)
MASK = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]], bool)
NEW = -np.abs(RNG.normal(size=MASK.shape))
OLD = NEW + 0.4 * RNG.normal(size=MASK.shape)
REFERENCE = NEW + 0.4 * RNG.normal(size=MASK.shape)
ADVANTAGES = RNG.normal(size=4)
LONGEST = 7
OPTIONS = {"dr_grpo": {"length": LONGEST}, "cispo": {"epsilon_high": 0.3}}


def trl_grpo(torch, variant, new, *, beta=0.0, low=0.2, high=0.3, delta=None):
    """The lines of TRL's GRPOTrainer: the value of a token by the loss type, then what the sum is divided by."""
    old, mask, advantages = torch.tensor(OLD), torch.tensor(MASK).double(), torch.tensor(ADVANTAGES)[:, None]
    log_weights = new - old
    if variant in ("gspo", "luspo"):
        log_weights = ((log_weights * mask).sum(-1) / mask.sum(-1))[:, None]
    ratio = torch.exp(log_weights)
    if variant == "cispo":
        value = -torch.clamp(ratio, max=1 + high).detach() * advantages * new
    elif variant == "vespo":
        log_w = (log_weights * mask).sum(-1, keepdim=True).detach()
        k, rate = (torch.where(advantages >= 0, *map(torch.tensor, pair)) for pair in ((2.0, 3.0), (3.0, 2.0)))
        value = -torch.exp(rate + k * log_w - rate * torch.exp(log_w)) * advantages * new
    elif variant == "sapo":
        tau = torch.where(advantages > 0, 1.0, 1.05 + 0 * advantages)
        value = -torch.sigmoid(tau * (ratio - 1)) * 4 / tau * advantages
    else:
        clipped = torch.clamp(ratio, 1 - low, 1 + high)
        ratio = ratio if delta is None else torch.clamp(ratio, max=delta)
        value = -torch.min(ratio * advantages, clipped * advantages)
    if beta:
        gap = torch.tensor(REFERENCE) - new
        value = value + beta * (torch.exp(gap) - gap - 1)
    if variant in ("grpo", "sapo", "gspo"):
        return ((value * mask).sum(-1) / mask.sum(-1)).mean()
    if variant == "dr_grpo":
        return (value * mask).sum() / (len(mask) * LONGEST)
    if variant == "luspo":
        return (value * mask.sum(1, keepdim=True)).mean()
    return (value * mask).sum() / mask.sum()


def agree(ours, theirs, torch):
    tensor = torch.tensor(NEW, requires_grad=True)
    due = theirs(tensor)
    (slope_due,) = torch.autograd.grad(due, tensor)
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(ours)(jnp.asarray(NEW))
        np.testing.assert_allclose(value, due.item(), rtol=1e-12)
        np.testing.assert_allclose(slope, slope_due.numpy(), rtol=1e-11, atol=1e-15)
    assert np.all(np.asarray(slope)[~MASK] == 0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_grpo_is_that_of_trl(variant):
    torch = pytest.importorskip("torch", reason="torch differentiates the formulas of TRL")
    options = {"epsilon_high": 0.3, **OPTIONS.get(variant, {})}
    agree(
        lambda x: grpo(x, OLD, ADVANTAGES, variant=variant, where=MASK, **options),
        lambda x: trl_grpo(torch, variant, x),
        torch,
    )


def test_the_penalty_is_added_with_the_same_denominator():
    torch = pytest.importorskip("torch", reason="torch differentiates the formulas of TRL")
    share = {"denominator": "per_sequence", "where": MASK}
    agree(
        lambda x: grpo(x, OLD, ADVANTAGES, epsilon_high=0.3, **share) + 0.04 * kl_penalty(x, REFERENCE, **share),
        lambda x: trl_grpo(torch, "grpo", x, beta=0.04),
        torch,
    )


def test_delta_of_trl_is_the_dual_clip():
    torch = pytest.importorskip("torch", reason="torch differentiates the formulas of TRL")
    agree(
        lambda x: grpo(x, OLD, 20 * ADVANTAGES, epsilon_high=0.3, dual_clip=1.5, where=MASK) / 20,
        lambda x: trl_grpo(torch, "grpo", x, delta=1.5),
        torch,
    )


@pytest.mark.parametrize("options", [{}, {"denominator": "per_sequence"}, {"denominator": "fixed", "length": LONGEST}])
def test_the_gradient_of_cispo_is_the_published_one(options):
    """MiniMax-M1 (2025), eq. 4 and 5: of E[sg(r) A log pi] the gradient is E[r A grad log pi], r clipped from above."""
    old = np.concatenate([NEW[:, :2] - np.log([1.5, 1.25]), NEW[:, 2:4] + [0.3, -0.2]], 1)
    ratios = np.minimum(np.exp(NEW[:, :4] - old), 1 + 0.3)
    assert (ratios == 1.3).any(0).tolist() == [True, False, False, False]
    counts = {None: MASK[:, :4].sum(), "per_sequence": 4 * MASK[:, :4].sum(1, keepdims=True), "fixed": 4 * LONGEST}
    due = -np.where(MASK[:, :4], ratios * ADVANTAGES[:, None], 0) / counts[options.get("denominator")]
    with jax.enable_x64(True):
        loss = lambda x: grpo(x, old, ADVANTAGES, variant="cispo", epsilon_high=0.3, where=MASK[:, :4], **options)
        value, slope = jax.value_and_grad(loss)(jnp.asarray(NEW[:, :4]))
        np.testing.assert_allclose(slope, due, rtol=1e-13)
        np.testing.assert_allclose(value, np.sum(due * NEW[:, :4]), rtol=1e-13)
        # The second derivative is 0: the weights do not move.
        second = jax.jvp(jax.grad(loss), (jnp.asarray(NEW[:, :4]),), (jnp.ones((4, 4)),))[1]
        assert np.all(second == 0)


def test_the_density_of_vespo_has_limits():
    """A ratio of any size gives a factor in [0, its largest value], and never NaN; a ratio of 1 the factor 1."""
    old = jnp.zeros((5, 2))
    new = jnp.array([[0.0, 0.0], [-200.0, -200.0], [200.0, 200.0], [-jnp.inf, 0.0], [1e30, 0.0]])
    loss = lambda x: grpo(x, old, jnp.ones(5), variant="vespo", reduction="sum", denominator="per_token")
    value, slope = jax.value_and_grad(loss)(new)
    assert value == 0
    np.testing.assert_array_equal(slope, [[-1, -1], *[[0, 0]] * 4])


def test_an_impossible_token_weighs_nothing_in_cispo():
    new, old = jnp.array([[-jnp.inf, -1.0]]), jnp.array([[-1.0, -1.0]])
    loss = lambda x: grpo(x, old, jnp.ones(1), variant="cispo", reduction="sum", denominator="per_token")
    value, slope = jax.value_and_grad(loss)(new)
    assert value == 1
    np.testing.assert_array_equal(slope, [[0, -1]])


@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - {"cispo"}))
def test_the_old_policy_may_be_the_policy_itself(variant):
    """The first step after sampling: every ratio is 1, and the gradient that of the policy, -A over the denominator."""
    options = {"variant": variant, "where": MASK, **OPTIONS.get(variant, {})}
    form = VARIANTS[variant]
    new, advantages = jnp.asarray(NEW, jnp.float32), jnp.asarray(ADVANTAGES, jnp.float32)
    slope = jax.grad(lambda x: grpo(x, x, advantages, **options))(new)
    length = options.get("length", form.length)
    each = jnp.broadcast_to(advantages[:, None], new.shape)
    plain = lambda x: policy_gradient(x, each, denominator=form.denominator, length=length, where=MASK)
    np.testing.assert_allclose(slope, jax.grad(plain)(new), rtol=1e-6, atol=1e-9)


def test_only_the_policy_learns():
    arrays = tuple(jnp.asarray(a, jnp.float32) for a in (NEW, OLD, ADVANTAGES))
    for variant in VARIANTS:
        slopes = jax.grad(lambda *x, v=variant: grpo(*x, variant=v, **OPTIONS.get(v, {})), (0, 1, 2))(*arrays)
        assert np.any(slopes[0] != 0)
        assert np.all(slopes[1] == 0)
        assert np.all(slopes[2] == 0)
    new, old = arrays[:2]
    for loss in (ppo_clip, ppo_value):
        slopes = jax.grad(loss, (0, 1, 2))(new, old, new + 1)
        assert np.any(slopes[0] != 0)
        assert np.all(np.stack(slopes[1:]) == 0)
    assert np.all(jax.grad(kl_penalty, 1)(new, old) == 0)
    assert np.all(jax.grad(policy_gradient, 1)(new, old) == 0)


@pytest.mark.parametrize("gap", [100.0, 1e4])
@pytest.mark.parametrize("variant", VARIANTS)
def test_ratios_that_overflow_are_harmless_where_they_are_clipped(gap, variant):
    old = jnp.array([[-2e4, -2e4], [0.0, 0.0], [-2e4, -2e4]])
    new = old + jnp.array([[gap], [-gap], [gap]])
    advantages = jnp.array([1.0, -1.0, 0.0])
    loss = lambda x: grpo(x, old, advantages, variant=variant, **OPTIONS.get(variant, {}))
    value, slope = jax.jit(jax.value_and_grad(loss))(new)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    assert np.all(slope[2] == 0)


def test_the_dual_clip_bounds_what_a_negative_advantage_leaves_open():
    new, old, advantages = jnp.array([1e4, 100.0, 0.5]), jnp.zeros(3), jnp.full(3, -2.0)
    assert ppo_clip(new[:1], old[:1], advantages[:1]) == jnp.inf  # the true value
    bounded = lambda x: ppo_clip(x, old, advantages, dual_clip=3.0, reduction="none")
    np.testing.assert_allclose(bounded(new), [6, 6, 2 * np.exp(0.5)], rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: jnp.sum(bounded(x)))(new), [0, 0, 2 * np.exp(0.5)], rtol=1e-6)
    tiny = jnp.array([-1e-30])
    np.testing.assert_allclose(ppo_clip(jnp.array([100.0]), jnp.zeros(1), tiny), np.exp(100.0) * 1e-30, rtol=1e-5)


def test_ppo_by_its_definition():
    ratio, size = np.exp(NEW - OLD), RNG.normal(size=NEW.shape)
    due = -np.minimum(ratio * size, np.clip(ratio, 0.9, 1.3) * size)
    with jax.enable_x64(True):
        got = ppo_clip(NEW, OLD, size, epsilon=0.1, epsilon_high=0.3, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-13)


def test_clipped_values_by_their_definition():
    torch = pytest.importorskip("torch", reason="torch differentiates the formula")
    returns = RNG.normal(size=NEW.shape)

    def theirs(x):
        old, due = torch.tensor(OLD), torch.tensor(returns)
        moved = torch.clamp(x, old - 0.2, old + 0.2)
        return 0.5 * torch.max(torch.square(x - due), torch.square(moved - due))[torch.tensor(MASK)].mean()

    agree(lambda x: ppo_value(x, OLD, returns, where=MASK), theirs, torch)


def test_estimates_of_the_divergence_and_their_gradients():
    """k1 and k3 have the mean of the divergence; k2 as a loss has its gradient, and k3 that of the opposite one."""
    with jax.enable_x64(True):
        logits, other = jnp.asarray(RNG.normal(size=(2, 6)))
        reference = jax.nn.log_softmax(other)

        def divergence(z):
            p = jax.nn.log_softmax(z)
            return jnp.sum(jnp.exp(p) * (p - reference))

        def estimate(z, estimator):
            p = jax.nn.log_softmax(z)
            chances = jax.lax.stop_gradient(jnp.exp(p))  # the tokens are sampled, which has no gradient
            return jnp.sum(chances * kl_penalty(p, reference, estimator=estimator, reduction="none"))

        for estimator in ("k1", "k3"):
            np.testing.assert_allclose(estimate(logits, estimator), divergence(logits), rtol=1e-12)
        due = jax.grad(divergence)(logits)
        np.testing.assert_allclose(jax.grad(estimate)(logits, "k2"), due, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(jax.grad(estimate)(logits, "k1"), 0, atol=1e-14)
        opposite = jax.nn.softmax(logits) - jnp.exp(reference)
        np.testing.assert_allclose(jax.grad(estimate)(logits, "k3"), opposite, rtol=1e-10, atol=1e-14)


def test_advantages_may_be_those_of_tokens():
    each = np.repeat(ADVANTAGES[:, None], 5, axis=1)
    np.testing.assert_array_equal(
        grpo(NEW, OLD, each, where=MASK, reduction="none"), grpo(NEW, OLD, ADVANTAGES, where=MASK, reduction="none")
    )
    with pytest.raises(ValueError, match=r"grpo: advantages must have shape \(4,\) or \(4, 5\), .* got \(5,\)"):
        grpo(NEW, OLD, np.zeros(5))
    with pytest.raises(ValueError, match=r"grpo: advantages must have shape \(4,\) or \(4, 5\), .* got \(4, 1\)"):
        grpo(NEW, OLD, np.zeros((4, 1)))


def test_bad_parameters():
    with pytest.raises(ValueError, match=r"grpo: denominator='fixed' needs a length"):
        grpo(NEW, OLD, ADVANTAGES, variant="dr_grpo")
    with pytest.raises(ValueError, match="grpo: dual_clip is for ratios that are clipped, got 3 with 'sapo'"):
        grpo(NEW, OLD, ADVANTAGES, variant="sapo", dual_clip=3)
    with pytest.raises(ValueError, match=r"ppo_clip: dual_clip must be > 1.2, got 1.1"):
        ppo_clip(NEW, OLD, NEW, dual_clip=1.1)
    with pytest.raises(ValueError, match=r"ppo_clip: epsilon must be > 0 and < 1, got 1"):
        ppo_clip(NEW, OLD, NEW, epsilon=1)


def test_group_advantages_by_definition():
    rewards = RNG.normal(size=(3, 6)).astype(np.float32)
    centred = rewards - rewards.mean(-1, keepdims=True)
    np.testing.assert_allclose(group_advantages(rewards, scale="none"), centred, atol=1e-6)
    np.testing.assert_allclose(group_advantages(rewards), centred / rewards.std(-1, ddof=1, keepdims=True), atol=1e-6)
    others = (rewards.sum(-1, keepdims=True) - rewards) / 5
    left_out = group_advantages(rewards, scale="none", baseline="leave_one_out")
    np.testing.assert_allclose(left_out, rewards - others, atol=1e-6)


def test_groups_of_equal_rewards_and_missing_completions():
    rewards = jnp.array([[0.1, 0.1, 0.1, 0.1], [jnp.nan, 1e4 + 1, 1e4, jnp.inf], [3.0, jnp.nan, jnp.nan, jnp.nan]])
    exists = jnp.array([[True] * 4, [False, True, True, False], [True, False, False, False]])
    half = np.sqrt(0.5)
    due = [[0, 0, 0, 0], [0, half, -half, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(group_advantages(rewards, where=exists), due, rtol=1e-6)
    assert group_advantages(jnp.array([1, 0, 1, 0]), scale="none").dtype == jnp.float32
    assert np.all(jax.grad(lambda r: jnp.sum(group_advantages(r) ** 2))(jnp.array([1.0, 2.0, 4.0])) == 0)
