"""A variational autoencoder of the digits, its two terms weighted and reported by name."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

import jaxloss
from jaxloss.cli import pictures
from jaxloss.cli.demo.digits import Digits, load
from jaxloss.cli.demo.parts import Claim, Part, Picture, Table
from jaxloss.cli.screen import Advance
from jaxloss.compose import weighted_sum

__all__ = ["STEPS", "Fit", "Outputs", "fit", "objective", "part"]

STEPS = 2000
CHUNK = 50  # steps between two points of the curves
BATCH = 128
HIDDEN = 256
LATENT = 2  # so that the latent plane can be looked at
KL_WEIGHT = 0.01


class Outputs(NamedTuple):
    """What the network gives, and what the terms of the objective pick from."""

    mean: Any
    log_variance: Any
    logits: Any


objective = weighted_sum(
    {
        "reconstruction": lambda out, pixels: jaxloss.sigmoid_binary_cross_entropy(out.logits, pixels),
        "kl": (
            KL_WEIGHT,
            lambda out, _: jaxloss.gaussian_vae_kl(out.mean, out.log_variance, latent_reduction="mean"),
        ),
    }
)
"""The total is reconstruction + 0.01 KL; the report has both."""

CODE = """objective = weighted_sum({
    "reconstruction": lambda out, pixels: sigmoid_binary_cross_entropy(out.logits, pixels),
    "kl": (0.01, lambda out, _: gaussian_vae_kl(out.mean, out.log_variance, latent_reduction="mean")),
})
loss = lambda params: objective(network(params, key, pixels), pixels)
(total, report), grads = jax.value_and_grad(loss, has_aux=True)(params)"""


class Fit(NamedTuple):
    """Trained parameters and the terms over the training."""

    params: Any
    terms: dict[str, list[float]]
    seconds: float


def fit(digits: Digits, *, steps: int, advance: Advance, seed: int = 0) -> Fit:
    """Train the autoencoder."""
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, steps))
    pixels = jnp.asarray(digits.images.reshape(len(digits.images), -1))

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, key: Any) -> Any:
        draw, noise = jax.random.split(key)
        batch = pixels[jax.random.randint(draw, (BATCH,), 0, len(pixels))]
        loss = lambda params: objective(_network(params, noise, batch), batch)
        (_, report), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, report

    params = _initialise(jax.random.key(seed))
    state = optimizer.init(params)
    keys = jax.random.split(jax.random.key(seed + 1), steps)
    reports, start = [], time.perf_counter()
    for i in range(steps):
        params, state, report = step(params, state, keys[i])
        reports.append(report)
        if (i + 1) % CHUNK == 0:
            jax.block_until_ready(report)
            advance()
    reports = jax.device_get(reports)
    terms = {
        name: [float(np.mean([r[name] for r in reports[i : i + CHUNK]])) for i in range(0, steps, CHUNK)]
        for name in reports[0]
    }
    return Fit(params, terms, time.perf_counter() - start)


def part(advance: Advance, *, steps: int = STEPS) -> Part:
    """Train and report."""
    digits = load()
    fitted = fit(digits, steps=steps, advance=advance)
    terms = {name: values[-1] for name, values in fitted.terms.items()}
    advance(f"reconstruction {terms['reconstruction']:.3f}, KL {terms['kl']:.2f}, {fitted.seconds:.1f} s")
    test = digits.test_images.reshape(len(digits.test_images), -1)
    mean, _ = _encode(fitted.params, jnp.asarray(test))
    copies = jax.nn.sigmoid(_decode(fitted.params, mean))
    error = float(jaxloss.squared_error(copies, test))
    blank = float(np.mean((test - digits.images.reshape(len(digits.images), -1).mean(0)) ** 2))
    return Part(
        key="vae",
        title="A variational autoencoder, its terms told apart",
        text=f"The objective is the reconstruction plus {KL_WEIGHT} times the Kullback-Leibler divergence of the "
        f"latents from the unit Gaussian. One function gives the total and the report; {LATENT} latents, so that the "
        "plane of digits can be drawn.",
        claims=[
            Claim(
                f"{1 - error / blank:.0%}", "of the variance of unseen digits survives two latents", error < blank / 2
            )
        ],
        pictures=[
            Picture(
                "vae-terms",
                "The two terms over the training, before their weights.",
                lambda theme: _terms(fitted, theme),
            ),
            Picture(
                "vae-digits",
                "Left: unseen digits above their reconstructions. Right: what the decoder makes of the latent plane, "
                "which no digit was needed for.",
                lambda theme: _digits(fitted.params, test, np.asarray(copies), theme),
            ),
            Picture(
                "vae-samples",
                "Digits that never were: latents drawn from the unit Gaussian, decoded.",
                lambda theme: _samples(fitted.params, theme),
            ),
            Picture(
                "vae-latents",
                "Where the encoder puts unseen digits: it was never told which digit is which.",
                lambda theme: _latents(np.asarray(mean), digits.test_labels, theme),
            ),
        ],
        tables=[
            Table(
                "At the end",
                ("term", "value", "weight", "in the total"),
                [
                    ("reconstruction", f"{terms['reconstruction']:.4f}", "1", f"{terms['reconstruction']:.4f}"),
                    ("kl", f"{terms['kl']:.4f}", f"{KL_WEIGHT}", f"{KL_WEIGHT * terms['kl']:.4f}"),
                ],
            )
        ],
        code=CODE,
        data={**terms, "test_squared_error": error, "seconds": fitted.seconds, "terms": fitted.terms},
    )


def _initialise(key: Any) -> dict[str, tuple[Any, Any]]:
    shapes = {
        "encoder 1": (64, HIDDEN),
        "encoder 2": (HIDDEN, 2 * LATENT),
        "decoder 1": (LATENT, HIDDEN),
        "decoder 2": (HIDDEN, HIDDEN),
        "decoder 3": (HIDDEN, 64),
    }
    return {
        name: (jax.nn.initializers.he_normal()(k, shape, jnp.float32), jnp.zeros(shape[-1]))
        for k, (name, shape) in zip(jax.random.split(key, len(shapes)), shapes.items(), strict=True)
    }


def _dense(layer: Any, x: Any) -> Any:
    kernel, bias = layer
    return x @ kernel + bias.reshape(1, -1)


def _encode(params: Any, pixels: Any) -> Any:
    hidden = jax.nn.relu(_dense(params["encoder 1"], pixels))
    return jnp.split(_dense(params["encoder 2"], hidden), 2, axis=-1)


def _decode(params: Any, latents: Any) -> Any:
    hidden = jax.nn.relu(_dense(params["decoder 1"], latents))
    return _dense(params["decoder 3"], jax.nn.relu(_dense(params["decoder 2"], hidden)))


def _network(params: Any, key: Any, pixels: Any) -> Outputs:
    mean, log_variance = _encode(params, pixels)
    latents = mean + jnp.exp(log_variance / 2) * jax.random.normal(key, mean.shape)
    return Outputs(mean, log_variance, _decode(params, latents))


def _terms(fitted: Fit, theme: pictures.Theme) -> Figure:
    figure, (axes,) = pictures.new(theme, columns=2, height=2.6)
    with pictures.style(theme):
        for axis, name, colour in zip(axes, ("reconstruction", "kl"), theme.lines, strict=False):
            values = fitted.terms[name]
            axis.plot(CHUNK * np.arange(1, len(values) + 1), values, color=colour)
            axis.set_title(name)
            axis.set_xlabel("step")
    return figure


def _digits(params: Any, test: np.ndarray, copies: np.ndarray, theme: pictures.Theme) -> Figure:
    # A grid of equal probability under the unit Gaussian: every cell is as likely as any other.
    quantiles = jax.scipy.stats.norm.ppf((jnp.arange(12) + 0.5) / 12)
    grid = jnp.stack(jnp.meshgrid(quantiles, -quantiles), axis=-1).reshape(-1, LATENT)
    plane = np.asarray(jax.nn.sigmoid(_decode(params, grid))).reshape(-1, 8, 8)
    rows = [images[i : i + 12].reshape(-1, 8, 8) for i in range(0, 72, 12) for images in (test, copies)]
    figure, (axes,) = pictures.new(theme, columns=2, height=4.6)
    with pictures.style(theme):
        pictures.grey(axes[0], pictures.mosaic(np.concatenate(rows), 12), theme, title="test digits, reconstructions")
        pictures.grey(axes[1], pictures.mosaic(plane, 12), theme, title="the latent plane, decoded")
    return figure


def _samples(params: Any, theme: pictures.Theme) -> Figure:
    drawn = jax.random.normal(jax.random.key(2), (6 * 24, LATENT))
    samples = np.asarray(jax.nn.sigmoid(_decode(params, drawn))).reshape(-1, 8, 8)
    figure, ((axes,),) = pictures.new(theme, height=2.6)
    with pictures.style(theme):
        pictures.grey(axes, pictures.mosaic(samples, 24), theme, title="samples of the prior, decoded")
    return figure


def _latents(mean: np.ndarray, labels: np.ndarray, theme: pictures.Theme) -> Figure:
    figure, ((axes,),) = pictures.new(theme, height=4.6)
    with pictures.style(theme):
        pictures.numerals(axes, mean, labels, theme)
        axes.set_xlabel("first latent")
        axes.set_title("second latent")
    return figure
