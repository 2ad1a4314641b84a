"""Learning to rank: of the digits that a query shows, those that look most alike come first."""

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
from jaxloss.cli.demo.digits import Digits, load
from jaxloss.cli.demo.parts import Claim, Part, Picture, Table
from jaxloss.cli.screen import Advance

__all__ = ["OBJECTIVES", "STEPS", "Fit", "Lists", "Objective", "fit", "lists_of", "part"]

STEPS = 500
CHUNK = 100
BATCH = 32
ITEMS = 40


class Lists(NamedTuple):
    """Queries, the digits to rank for each of them, and how relevant these are."""

    queries: np.ndarray
    items: np.ndarray
    labels: np.ndarray


class Objective(NamedTuple):
    """A loss of scores and labels, and how to write it."""

    name: str
    code: str
    loss: Callable[[Any, Any], Any]


NDCG = partial(jaxloss.dcg_lambda, normalize=True)

OBJECTIVES = (
    Objective(
        "squared error of each item",
        "squared_error(scores, labels)",
        lambda scores, labels: jaxloss.squared_error(scores, labels),
    ),
    Objective(
        "pairwise logistic",
        "pairwise_logistic(scores, labels)",
        lambda scores, labels: jaxloss.pairwise_logistic(scores, labels),
    ),
    Objective(
        "LambdaRank",
        "pairwise_logistic(scores, labels, lambda_weights=partial(dcg_lambda, normalize=True))",
        lambda scores, labels: jaxloss.pairwise_logistic(scores, labels, lambda_weights=NDCG),
    ),
    Objective(
        "ApproxNDCG",
        "approx_ndcg(scores, labels, temperature=0.1)",
        lambda scores, labels: jaxloss.approx_ndcg(scores, labels, temperature=0.1),
    ),
)


def lists_of(images: np.ndarray, digits: np.ndarray, count: int, rng: np.random.Generator) -> Lists:
    """Draw lists: the same digit as the query has grade 2, its neighbours on the number line 1, any other 0."""
    queries = rng.integers(0, len(images), count)
    items = rng.integers(0, len(images), (count, ITEMS))
    apart = np.abs(digits[items] - digits[queries][:, None])
    labels = np.where(apart == 0, 2, np.where(apart == 1, 1, 0)).astype(np.float32)
    pixels = images.reshape(len(images), -1)
    return Lists(pixels[queries], pixels[items], labels)


def _test_lists(digits: Digits) -> Lists:
    return lists_of(digits.test_images, digits.test_labels, 400, np.random.default_rng(1))


class Fit(NamedTuple):
    """Scores of the test lists, and how long it took to get there."""

    scores: np.ndarray
    ndcg: float
    seconds: float


def _initialise(key: jax.Array, pixels: int, width: int = 48) -> dict[str, Any]:
    embed, mix = jax.random.split(key)
    return {
        "embed": jax.random.normal(embed, (pixels, width)) / pixels**0.5,
        "mix": jax.random.normal(mix, (width, width)) / width**0.5,
        "scale": jnp.ones(()),
    }


def _score(params: dict[str, Any], queries: Any, items: Any) -> Any:
    """A bilinear form of the embeddings of query and item."""
    query, item = (jnp.tanh(pixels @ params["embed"]) for pixels in (queries, items))
    return params["scale"] * jnp.einsum("qw,qiw->qi", query @ params["mix"], item)


def fit(loss: Callable[[Any, Any], Any], digits: Digits, *, steps: int, advance: Advance, seed: int = 0) -> Fit:
    """Train on lists of the training digits, and rank lists of the others."""
    rng = np.random.default_rng(seed)
    train = lists_of(digits.images, digits.labels, 64 * BATCH, rng)
    test = _test_lists(digits)
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, max(steps, 1)))
    data = tuple(map(jnp.asarray, train))

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, chosen: Any) -> Any:
        queries, items, labels = (a[chosen] for a in data)
        grads = jax.grad(lambda params: loss(_score(params, queries, items), labels))(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params = _initialise(jax.random.key(seed), train.queries.shape[-1])
    state, start = optimizer.init(params), time.perf_counter()
    for i in range(steps):
        params, state = step(params, state, rng.choice(len(train.queries), BATCH, replace=False))
        if (i + 1) % CHUNK == 0:
            jax.block_until_ready(params)
            advance()
    scores = _score(params, jnp.asarray(test.queries), jnp.asarray(test.items))
    ndcg = float(jaxloss.ndcg(scores, jnp.asarray(test.labels), k=10))
    return Fit(np.asarray(scores), ndcg, time.perf_counter() - start)


def part(advance: Advance, *, steps: int = STEPS) -> Part:
    """Train with each objective and report."""
    digits = load()
    fits = {"no training": fit(OBJECTIVES[0].loss, digits, steps=0, advance=advance)}
    for objective in OBJECTIVES:
        fitted = fit(objective.loss, digits, steps=steps, advance=advance)
        advance(f"{objective.name}: NDCG@10 {fitted.ndcg:.3f}, {fitted.seconds:.1f} s")
        fits[objective.name] = fitted
    before, pointwise = fits["no training"].ndcg, fits[OBJECTIVES[0].name].ndcg
    name, shown = max(fits.items(), key=lambda item: item[1].ndcg)
    worst = min(fits[objective.name].ndcg for objective in OBJECTIVES[1:])
    return Part(
        key="ranking",
        title="What looks alike, first",
        text="A query is a picture of a digit, and its list has forty others. The same digit has grade 2, its "
        "neighbours on the number line grade 1. Losses of pairs and of lists learn an order; a squared error learns "
        "grades, which is not what the measure asks for. The measure is NDCG of the first ten, on digits that no "
        "training has seen.",
        claims=[
            Claim(
                f"{worst:.2f}",
                f"NDCG@10 of unseen digits, the lowest of three ranking losses; {before:.2f} before training, "
                f"{pointwise:.2f} by a squared error",
                worst > before + 0.1,
            )
        ],
        pictures=[
            Picture(
                "ranking-first-ten",
                f"Five queries, left, and the ten digits that {name} puts first, with their grades.",
                lambda theme: _picture(shown, digits, theme),
            )
        ],
        tables=[
            Table(
                "Lists of unseen digits",
                ("trained with", "NDCG@10", "seconds"),
                [(name, f"{f.ndcg:.3f}", f"{f.seconds:.1f}") for name, f in fits.items()],
            )
        ],
        code="\n".join(f"jaxloss.{objective.code}" for objective in OBJECTIVES),
        data={name: {"ndcg_at_10": f.ndcg} for name, f in fits.items()},
    )


def _picture(fitted: Fit, digits: Digits, theme: pictures.Theme) -> Figure:
    lists = _test_lists(digits)
    figure, axes = pictures.new(theme, rows=5, columns=11, height=4.6)
    side = int(lists.queries.shape[-1] ** 0.5)
    with pictures.style(theme):
        for row in range(5):
            order = np.argsort(-fitted.scores[row])[:10]
            shown = [lists.queries[row], *lists.items[row, order]]
            titles = ["query", *(f"{grade:.0f}" for grade in lists.labels[row, order])]
            for axis, image, title in zip(axes[row], shown, titles, strict=True):
                pictures.grey(axis, image.reshape(side, side), theme, title=title)
    return figure
