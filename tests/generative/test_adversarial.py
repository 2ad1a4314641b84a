"""Losses of generator and discriminator."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.generative import gan_discriminator, gan_generator, gan_relativistic

VARIANTS = ("non_saturating", "least_squares", "hinge", "wasserstein")
RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(2, 8))


def test_the_non_saturating_game_is_torchs_cross_entropy():
    torch = pytest.importorskip("torch", reason="the same by PyTorch")
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    real, fake = (torch.tensor(scores, requires_grad=True) for scores in (REAL, FAKE))
    value = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    due = (value, *torch.autograd.grad(value, (real, fake)))
    cost = bce(fake, torch.ones_like(fake))
    with jax.enable_x64(True):
        got, slopes = jax.value_and_grad(gan_discriminator, (0, 1))(jnp.asarray(REAL), jnp.asarray(FAKE))
        for ours, theirs in zip((got, *slopes), due, strict=True):
            np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-13)
        got, slope = jax.value_and_grad(gan_generator)(jnp.asarray(FAKE))
    np.testing.assert_allclose(got, cost.item(), rtol=1e-13)
    np.testing.assert_allclose(slope, torch.autograd.grad(cost, fake)[0].numpy(), rtol=1e-13)


@pytest.mark.parametrize(
    ("variant", "where_even", "cost"),
    [("non_saturating", 0, 2 * math.log(2)), ("least_squares", 0.5, 0.25), ("hinge", 0, 2)],
)
def test_a_discriminator_that_cannot_tell_scores_the_middle(variant, where_even, cost):
    """Where real and generated samples have one distribution, one score for both minimises its loss."""
    value, slope = jax.value_and_grad(lambda s: gan_discriminator(s, s, variant=variant))(jnp.float32(where_even))
    np.testing.assert_allclose(value, cost, rtol=1e-6)
    assert slope == 0


def test_hinges_stop_at_their_margins():
    slopes = jax.grad(lambda r, f: gan_discriminator(r, f, variant="hinge", reduction="sum"), (0, 1))(
        jnp.array([0.5, 1.0, 1.5]), jnp.array([-0.5, -1.0, -1.5])
    )
    np.testing.assert_array_equal(slopes, [[-1, 0, 0], [1, 0, 0]])
    slope = jax.grad(lambda s: gan_relativistic(s, jnp.zeros(3), variant="hinge", reduction="sum"))(
        jnp.array([0.5, 1.0, 1.5])
    )
    np.testing.assert_array_equal(slope, [-1, 0, 0])


def test_a_generator_that_fools_nobody_learns_at_full_speed():
    value, slope = jax.value_and_grad(gan_generator)(jnp.float32(-1e4))
    assert value == 1e4
    assert slope == -1
    assert jax.grad(gan_generator)(jnp.float32(60.0)) == pytest.approx(-math.exp(-60), rel=1e-6)


def test_the_two_sides_of_a_relativistic_game():
    real, fake = jnp.asarray(REAL, jnp.float32), jnp.asarray(FAKE, jnp.float32)
    lead = gan_relativistic(fake, real, reduction="none") - gan_relativistic(real, fake, reduction="none")
    np.testing.assert_allclose(lead, REAL - FAKE, rtol=1e-5, atol=1e-6)
    for variant in VARIANTS:
        moved = gan_relativistic(real + 3, fake + 3, variant=variant)
        np.testing.assert_allclose(moved, gan_relativistic(real, fake, variant=variant), rtol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_generator_wants_what_a_discriminator_hates(variant):
    """Raising the score of a generated sample helps the one and never the other."""
    scores = jnp.linspace(-3, 0.9, 14)
    gain = jax.grad(lambda s: gan_generator(s, variant=variant, reduction="sum"))(scores)
    loss = jax.grad(lambda s: gan_discriminator(jnp.zeros_like(s), s, variant=variant, reduction="sum"))(scores)
    assert (gain < 0).all()
    assert (loss[scores > 0] > 0).all()


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="gan_generator: variant must be one of 'non_saturating', 'least_squares'"):
        gan_generator(jnp.zeros(3), variant="lsgan")  # pyrefly: ignore  (wrong on purpose)
    for loss, names in ((gan_discriminator, "real_scores and fake_scores"), (gan_relativistic, "scores and opponents")):
        for first, second in itertools.permutations((jnp.zeros(4), jnp.zeros((4, 1)))):
            with pytest.raises(ValueError, match=f"{names} must have the same shape"):
                loss(first, second)
