"""Losses of preferences: the formulas of TRL in PyTorch, with its gradients; extreme log-ratios; what is held fixed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import bradley_terry, cpo, dpo, kto, kto_baseline, orpo, simpo
from jaxloss.preference.direct import SMOOTHED, VARIANTS

RNG = np.random.default_rng(1)
PAIR = -20 + 4 * RNG.normal(size=(2, 9))
REFERENCES = PAIR + 3 * RNG.normal(size=(2, 9))
BETA, SMOOTHING, TAU = 0.3, 0.1, 0.05


def trl_dpo(torch, variant, c, r, reference_c, reference_r):
    """The lines of TRL's DPOTrainer for each of its loss types, by the papers' formulas."""
    log_sigmoid, sigmoid = torch.nn.functional.logsigmoid, torch.sigmoid
    u, v = c - reference_c, r - reference_r
    z, eps = BETA * (u - v), torch.tensor(SMOOTHING, dtype=torch.float64)
    return {
        "sigmoid": lambda: -log_sigmoid(z) * (1 - eps) - log_sigmoid(-z) * eps,
        "robust": lambda: (-(1 - eps) * log_sigmoid(z) + eps * log_sigmoid(-z)) / (1 - 2 * eps),
        "exo_pair": lambda: (
            sigmoid(z) * (log_sigmoid(z) - torch.log1p(-eps)) + sigmoid(-z) * (log_sigmoid(-z) - torch.log(eps))
        ),
        "hinge": lambda: torch.relu(1 - z),
        "ipo": lambda: (u - v - 1 / (2 * BETA)) ** 2,
        "nca_pair": lambda: -log_sigmoid(BETA * u) - 0.5 * log_sigmoid(-BETA * u) - 0.5 * log_sigmoid(-BETA * v),
        "bco_pair": lambda: -log_sigmoid(BETA * u) - log_sigmoid(-BETA * v),
        "sppo_hard": lambda: (u - 0.5 / BETA) ** 2 + (v + 0.5 / BETA) ** 2,
        "apo_zero": lambda: 1 - sigmoid(BETA * u) + sigmoid(BETA * v),
        "apo_down": lambda: sigmoid(BETA * u) + 1 - sigmoid(z),
        "discopop": lambda: -log_sigmoid(z) * (1 - sigmoid(z / TAU)) + torch.exp(-z) * sigmoid(z / TAU),
    }[variant]()


def agree(ours, theirs, torch, *data):
    """Values, and gradients of their sums, agree in float64."""
    tensors = [torch.tensor(array, requires_grad=True) for array in data]
    due = theirs(*tensors)
    slopes = torch.autograd.grad(due.sum(), tensors)
    with jax.enable_x64(True):
        arrays = tuple(map(jnp.asarray, data))
        np.testing.assert_allclose(ours(*arrays), due.detach().numpy(), rtol=1e-12, atol=1e-15)
        got = jax.grad(lambda *x: jnp.sum(ours(*x)), tuple(range(len(data))))(*arrays)
        for slope, expected in zip(got, slopes, strict=True):
            np.testing.assert_allclose(slope, expected.numpy(), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("variant", VARIANTS)
def test_dpo_is_that_of_trl(variant):
    torch = pytest.importorskip("torch", reason="torch differentiates the formulas of TRL")
    smoothing = SMOOTHING if variant in SMOOTHED else 0
    fixed = tuple(map(torch.tensor, REFERENCES))
    agree(
        lambda c, r: dpo(
            c, r, *REFERENCES, beta=BETA, variant=variant, label_smoothing=smoothing, tau=TAU, reduction="none"
        ),
        lambda c, r: trl_dpo(torch, variant, c, r, *fixed),
        torch,
        *PAIR,
    )


def test_losses_without_a_reference_are_those_of_trl():
    torch = pytest.importorskip("torch", reason="torch differentiates the formulas of TRL")
    log_sigmoid = torch.nn.functional.logsigmoid
    averages = -np.abs(RNG.normal(size=(2, 9)))

    def log_odds(x):
        return x - torch.log1p(-torch.exp(x))

    agree(
        lambda c, r: orpo(c, r, beta=0.2, reduction="none"),
        lambda c, r: -c - 0.2 * log_sigmoid(log_odds(c) - log_odds(r)),
        torch,
        *averages,
    )
    gamma = 0.5
    agree(
        lambda c, r: simpo(c, r, beta=BETA, gamma=gamma, label_smoothing=0.1, reduction="none"),
        lambda c, r: (
            -0.9 * log_sigmoid(BETA * (c - r - gamma / BETA)) - 0.1 * log_sigmoid(-BETA * (c - r - gamma / BETA))
        ),
        torch,
        *averages,
    )
    agree(
        lambda c, r: cpo(c, r, beta=BETA, nll_weight=0.5, reduction="none"),
        lambda c, r: -log_sigmoid(BETA * (c - r)) - 0.5 * c,
        torch,
        *PAIR,
    )
    agree(
        lambda c, r: bradley_terry(c, r, margin=0.7, centering=0.01, reduction="none"),
        lambda c, r: -log_sigmoid(c - r - 0.7) + 0.01 * (c + r) ** 2,
        torch,
        *averages,
    )


def test_kto_is_that_of_trl():
    torch = pytest.importorskip("torch", reason="torch differentiates the formulas of TRL")
    liked = RNG.random(9) < 0.5
    reference, kl = torch.tensor(REFERENCES[0]), 1.25

    def theirs(x):
        u = x - reference
        chosen, rejected = 1 - torch.sigmoid(BETA * (u - kl)), 1 - torch.sigmoid(BETA * (kl - u))
        return torch.where(torch.tensor(liked), 1.0 * chosen, 1.33 * rejected)

    options = {"kl": kl, "beta": BETA, "undesirable_weight": 1.33, "reduction": "none"}
    agree(lambda x: kto(x, REFERENCES[0], liked, **options), theirs, torch, PAIR[0])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [100.0, 1e4])
def test_log_ratios_do_not_overflow(variant, size):
    u, v = jnp.array([size, size, -size, -size, 0.0]), jnp.array([-size, size, size, -size, size])
    zeros = jnp.zeros(5)
    smoothing = SMOOTHING if variant in SMOOTHED else 0
    loss = lambda *x: jnp.sum(dpo(*x, zeros, zeros, variant=variant, label_smoothing=smoothing, reduction="none"))
    value, slopes = jax.jit(jax.value_and_grad(loss, (0, 1)))(u - 1e4, v)
    assert np.isfinite(value)
    assert np.isfinite(slopes).all()


def test_at_the_start_policy_and_reference_agree():
    """Every run of DPO starts at log 2 = 0.6931, of KTO at 1/2."""
    chosen, rejected = jnp.asarray(PAIR, jnp.float32)
    np.testing.assert_allclose(dpo(chosen, rejected, chosen, rejected), 0.6931472, rtol=1e-6)
    np.testing.assert_allclose(kto(chosen, chosen, chosen < -20, kl=0), 0.5, rtol=1e-6)
    np.testing.assert_allclose(dpo(chosen, rejected, chosen, rejected, variant="ipo"), 25, rtol=1e-6)


def test_references_and_baselines_are_held_fixed():
    arrays = tuple(jnp.asarray(a, jnp.float32) for a in (*PAIR, *REFERENCES))
    slopes = jax.grad(dpo, (0, 1, 2, 3))(*arrays)
    assert all(np.all(slope != 0) for slope in slopes[:2])
    assert all(np.all(slope == 0) for slope in slopes[2:])
    liked = arrays[0] < -20
    assert np.all(jax.grad(kto, 1)(arrays[0], arrays[2], liked, kl=0.5) == 0)
    assert jax.grad(lambda k: kto(arrays[0], arrays[2], liked, kl=k))(0.5) == 0
    assert np.all(jax.grad(lambda x: kto_baseline(x, arrays[2]))(arrays[0]) == 0)


def test_the_baseline_is_a_mean_of_what_exists_and_not_negative():
    x, reference = jnp.array([1.0, jnp.nan, 4.0]), jnp.array([0.0, 0.0, 1.0])
    exists = jnp.array([True, False, True])
    assert kto_baseline(x, reference, where=exists) == 2
    assert kto_baseline(reference, x, where=exists) == 0
    assert kto_baseline(x, reference, where=jnp.zeros(3, bool)) == 0


def test_robust_dpo_is_unbiased_under_flipped_labels():
    """Its mean over labels that are wrong with probability s is the loss without noise (Chowdhury et al., 2024)."""
    with jax.enable_x64(True):
        options = {"variant": "robust", "label_smoothing": 0.2, "reduction": "none"}
        right = dpo(*PAIR, *REFERENCES, **options)
        wrong = dpo(*PAIR[::-1], *REFERENCES[::-1], **options)
        np.testing.assert_allclose(0.8 * right + 0.2 * wrong, dpo(*PAIR, *REFERENCES, reduction="none"), rtol=1e-12)


def test_exo_is_least_where_the_policy_has_the_smoothed_odds():
    with jax.enable_x64(True):
        z = np.log(0.9 / 0.1) / 0.1
        loss = lambda c: dpo(c, *jnp.zeros((3, 1)), variant="exo_pair", label_smoothing=0.1)
        value, slope = jax.value_and_grad(loss)(jnp.array([z]))
        np.testing.assert_allclose([value, *slope], 0, atol=1e-15)


def test_label_smoothing_is_for_some_variants_and_needed_by_one():
    pair = (jnp.zeros(2),) * 4
    with pytest.raises(
        ValueError, match=r"dpo: label_smoothing is for 'sigmoid', 'robust', 'exo_pair', got 0.1 with 'ipo'"
    ):
        dpo(*pair, variant="ipo", label_smoothing=0.1)
    with pytest.raises(ValueError, match="dpo: 'exo_pair' needs a label_smoothing above 0"):
        dpo(*pair, variant="exo_pair")
    with pytest.raises(ValueError, match=r"dpo: label_smoothing must be >= 0 and < 0.5, got 0.5"):
        dpo(*pair, variant="robust", label_smoothing=0.5)
    with pytest.raises(ValueError, match=r"dpo: variant must be one of 'sigmoid', 'robust', .* got 'kto_pair'"):
        dpo(*pair, variant="kto_pair")
    with pytest.raises(ValueError, match=r"cpo: label_smoothing is for 'sigmoid', got 0.1 with 'hinge'"):
        cpo(*pair[:2], variant="hinge", label_smoothing=0.1)
    with pytest.raises(TypeError, match="kto: desirable must be boolean or integer, got float32"):
        kto(*pair[:2], jnp.zeros(2), kl=0)


def test_odds_ratios_keep_their_digits_near_certainty():
    """Completions whose probability rounds to 1: 1 - p is what their log-probability says."""
    value, slopes = jax.value_and_grad(lambda *x: orpo(*x, nll_weight=0, beta=1), (0, 1))(
        jnp.array([-1e-12]), jnp.array([-1e-10])
    )
    np.testing.assert_allclose(value, np.log1p(0.01), rtol=1e-6)
    np.testing.assert_allclose(slopes[0], [-(1 / 101) / 1e-12], rtol=1e-6)
    np.testing.assert_allclose(slopes[1], [(1 / 101) / 1e-10], rtol=1e-6)


def test_a_certain_completion_has_infinite_odds():
    value, slope = jax.value_and_grad(orpo)(jnp.array([0.0]), jnp.array([-1.0]))
    assert value == 0
    np.testing.assert_allclose(slope, [-1 - 0.1 * np.exp(-1) / (1 - np.exp(-1))], rtol=1e-6)
    assert orpo(jnp.array([-1.0]), jnp.array([0.0])) == jnp.inf
    assert np.isnan(orpo(jnp.array([-1.0]), jnp.array([1e-3])))


def test_a_margin_of_each_pair_may_be_anything_behind_the_mask():
    chosen, exists = jnp.array([1.0, 2.0]), jnp.array([True, False])
    loss = lambda c, m: bradley_terry(c, jnp.zeros(2), margin=m, where=exists)
    value, slopes = jax.value_and_grad(loss, (0, 1))(chosen, jnp.array([0.5, jnp.nan]))
    np.testing.assert_allclose(value, np.log1p(np.exp(-0.5)), rtol=1e-6)
    assert np.isfinite(slopes).all()
    assert all(slope[1] == 0 for slope in slopes)


def test_from_logits_with_padding_as_without():
    """The whole way: logits, tokens, masks of completions, sums, loss."""
    rng = np.random.default_rng(3)
    logits, tokens = rng.normal(size=(4, 2, 6, 11)), rng.integers(0, 11, (2, 6))

    def loss(logits, tokens, where):
        sums = [
            jaxloss.sequence_log_probs(jaxloss.token_log_probs(z, tokens, where=where), where=where) for z in logits
        ]
        return dpo(*sums)

    with jax.enable_x64(True):
        exists = np.broadcast_to(np.arange(6) < 4, (2, 6))
        padded = np.where(exists[..., None], logits, np.nan), np.where(exists, tokens, -1)
        value, slope = jax.value_and_grad(loss)(*padded, exists)
        due, slope_due = jax.value_and_grad(loss)(logits[:, :, :4], tokens[:, :4], np.ones((2, 4), bool))
        np.testing.assert_allclose(value, due, rtol=1e-13)
        np.testing.assert_allclose(slope[:, :, :4], slope_due, rtol=1e-12, atol=1e-16)
        assert np.all(slope[:, :, 4:] == 0)
