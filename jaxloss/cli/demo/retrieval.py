"""Metric learning: a network that puts equal digits beside each other."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

import jaxloss
from jaxloss.cli import pictures
from jaxloss.cli.demo.digits import Digits, initialise, load, network
from jaxloss.cli.demo.parts import Claim, Part, Picture, Table
from jaxloss.cli.screen import Advance

__all__ = ["OBJECTIVES", "STEPS", "Fit", "Objective", "fit", "part", "retrieval"]

STEPS = 600
CHUNK = 100
BATCH = 256


class Objective(NamedTuple):
    """A loss of embeddings and class ids, and how to write it."""

    name: str
    code: str
    loss: Callable[[Any, Any], Any]


OBJECTIVES = (
    Objective(
        "supervised contrastive",
        "supervised_contrastive(embeddings, labels)",
        lambda x, y: jaxloss.supervised_contrastive(x, y),
    ),
    Objective(
        "triplets, semi-hard",
        'triplet_batch(embeddings, labels, mining="semi-hard")',
        lambda x, y: jaxloss.triplet_batch(x, y, mining="semi-hard"),
    ),
    Objective("multi-similarity", "multi_similarity(embeddings, labels)", lambda x, y: jaxloss.multi_similarity(x, y)),
)


class Fit(NamedTuple):
    """Where the network puts the test digits, and how long it took to get there."""

    embeddings: np.ndarray
    seconds: float


def fit(loss: Callable[[Any, Any], Any], digits: Digits, *, steps: int, advance: Advance, seed: int = 0) -> Fit:
    """Train the network of the classification; its ten outputs are the embedding."""
    optimizer = optax.adam(optax.cosine_decay_schedule(1e-3, max(steps, 1)))
    images, labels = jnp.asarray(digits.images), jnp.asarray(digits.labels)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, chosen: Any) -> Any:
        grads = jax.grad(lambda params: loss(network(params, images[chosen]), labels[chosen]))(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params = initialise(jax.random.key(seed))
    state, rng, start = optimizer.init(params), np.random.default_rng(seed), time.perf_counter()
    for i in range(steps):
        params, state = step(params, state, rng.choice(len(images), BATCH, replace=False))
        if (i + 1) % CHUNK == 0:
            jax.block_until_ready(params)
            advance()
    embeddings = np.asarray(network(params, jnp.asarray(digits.test_images)))
    return Fit(embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True), time.perf_counter() - start)


def retrieval(embeddings: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the share of equal digits among the nearest R others, R being how many there are, and of the nearest."""
    x = embeddings.astype(np.float64)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    similarities = x @ x.T
    np.fill_diagonal(similarities, -np.inf)
    ranked = labels[np.argsort(-similarities, axis=-1)][:, :-1] == labels[:, None]
    relevant = ranked.sum(-1)
    among = np.arange(ranked.shape[1]) < relevant[:, None]
    return float(np.mean((ranked & among).sum(-1) / relevant)), float(np.mean(ranked[:, 0]))


def part(advance: Advance, *, steps: int = STEPS) -> Part:
    """Train with each objective and report."""
    digits = load()
    before = fit(OBJECTIVES[0].loss, digits, steps=0, advance=advance)
    fits = {"no training": before}
    for objective in OBJECTIVES:
        fitted = fit(objective.loss, digits, steps=steps, advance=advance)
        precision, _ = retrieval(fitted.embeddings, digits.test_labels)
        advance(f"{objective.name}: R-precision {precision:.1%}, {fitted.seconds:.1f} s")
        fits[objective.name] = fitted
    pixels = retrieval(digits.test_images.reshape(len(digits.test_images), -1), digits.test_labels)
    found = {name: retrieval(f.embeddings, digits.test_labels) for name, f in fits.items()}
    worst = min(precision for name, (precision, _) in found.items() if name != "no training")
    return Part(
        key="embedding",
        title="Equal digits, close together",
        text="The network of the classification again, its ten outputs now a direction in space. Losses of pairs and "
        "triplets of a batch pull equal digits together and others apart. The measure: of the R nearest others of an "
        "unseen digit, where R is how many equal ones there are, how many are equal?",
        claims=[
            Claim(
                f"{worst:.0%}",
                f"R-precision of unseen digits, the lowest of three losses; {pixels[0]:.0%} by their pixels",
                worst > max(pixels[0], found["no training"][0]) + 0.1,
            )
        ],
        pictures=[
            Picture(
                "embedding-before-after",
                "The first two principal components of the embedding of unseen digits, before and after training.",
                lambda theme: _picture(fits, digits.test_labels, theme),
            )
        ],
        tables=[
            Table(
                "Retrieval among the test digits",
                ("embedding", "R-precision", "nearest is equal", "seconds"),
                [
                    ("pixels", *(f"{x:.1%}" for x in pixels), ""),
                    *((name, *(f"{x:.1%}" for x in found[name]), f"{f.seconds:.1f}") for name, f in fits.items()),
                ],
            )
        ],
        code="\n".join(f"jaxloss.{objective.code}" for objective in OBJECTIVES),
        data={name: {"r_precision": both[0], "nearest": both[1]} for name, both in {"pixels": pixels, **found}.items()},
    )


def _picture(fits: dict[str, Fit], labels: np.ndarray, theme: pictures.Theme) -> Figure:
    shown = dict(list(fits.items())[:2])
    figure, (axes,) = pictures.new(theme, columns=len(shown), height=4.6)
    with pictures.style(theme):
        for axis, (name, fitted) in zip(axes, shown.items(), strict=True):
            centred = fitted.embeddings - fitted.embeddings.mean(0)
            _, _, components = np.linalg.svd(centred, full_matrices=False)
            pictures.numerals(axis, centred @ components[:2].T, labels, theme)
            axis.set_title(name)
    return figure
