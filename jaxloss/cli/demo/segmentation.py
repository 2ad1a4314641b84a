"""Overlap losses and cross-entropy find colours in black-and-white photographs."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_images

import jaxloss
from jaxloss.cli import pictures
from jaxloss.cli.demo.parts import Claim, Part, Picture, Table
from jaxloss.cli.screen import Advance

__all__ = ["OBJECTIVES", "STEPS", "Fit", "Scenes", "fit", "intersection_over_union", "load", "part"]

STEPS = 600
CHUNK = 100
BATCH = 8
CROP = (64, 80)
CLASSES = ("other", "warm", "green")


class Scenes(NamedTuple):
    """The two photographs of scikit-learn at half size: how bright each pixel is, and which colour it had."""

    brightness: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    """Columns kept for the test: every fourth stripe of forty."""


def load() -> Scenes:
    """Read the photographs. Warm: a third more red than green; green: 5 % more green than red and than blue."""
    photographs: Any = load_sample_images().images
    halves = [image[:424, :640].reshape(212, 2, 320, 2, 3).mean((1, 3)) / 255 for image in photographs]
    red, green, blue = np.moveaxis(np.stack(halves), -1, 0)
    warm, leafy = red > 1.35 * green, (green > 1.05 * red) & (green > 1.05 * blue)
    labels = np.where(warm, 1, np.where(leafy, 2, 0)).astype(np.int32)
    brightness = ((red + green + blue) / 3).astype(np.float32)
    return Scenes(brightness, labels, (np.arange(brightness.shape[-1]) // 40) % 4 == 2)


class Objective(NamedTuple):
    """A loss of logits, class ids and the pixels that count, and how to write it."""

    name: str
    code: str
    loss: Callable[[Any, Any, Any], Any]


def _cross_entropy(logits: Any, labels: Any, where: Any) -> Any:
    return jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, where=where)


def _dice(logits: Any, labels: Any, where: Any) -> Any:
    return jaxloss.dice(jax.nn.softmax(logits), labels, axis=(0, 1, 2), where=where)


def _lovasz(logits: Any, labels: Any, where: Any) -> Any:
    return jaxloss.lovasz_softmax(jax.nn.softmax(logits), labels, axis=(0, 1, 2), where=where)


OBJECTIVES = (
    Objective(
        "cross-entropy",
        "softmax_cross_entropy_with_integer_labels(logits, labels, where=not_for_the_test)",
        _cross_entropy,
    ),
    Objective(
        "cross-entropy + Dice",
        "dice(jax.nn.softmax(logits), labels, axis=(0, 1, 2), where=not_for_the_test)",
        lambda logits, labels, where: _cross_entropy(logits, labels, where) + _dice(logits, labels, where),
    ),
    Objective(
        "Lovász-softmax",
        "lovasz_softmax(jax.nn.softmax(logits), labels, axis=(0, 1, 2), where=not_for_the_test)",
        _lovasz,
    ),
)


class Fit(NamedTuple):
    """What a trained network sees in both photographs, and how well on the test columns."""

    predictions: np.ndarray
    overlaps: np.ndarray
    """Intersection over union of each class."""
    seconds: float


def fit(loss: Callable[[Any, Any, Any], Any], scenes: Scenes, *, steps: int, advance: Advance, seed: int = 0) -> Fit:
    """Train the network on crops in which the test columns are masked."""
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, steps))
    brightness, labels = jnp.asarray(scenes.brightness), jnp.asarray(scenes.labels)
    kept = jnp.broadcast_to(~scenes.test, scenes.labels.shape)

    def crop(scene: Any, top: Any, left: Any) -> Any:
        corner, size = (scene, top, left), (1, *CROP)
        return tuple(jax.lax.dynamic_slice(a, corner, size)[0] for a in (brightness, labels, kept))

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, corners: Any) -> Any:
        x, y, where = jax.vmap(crop)(*corners)
        grads = jax.grad(lambda params: loss(_network(params, x), y, where))(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params = _initialise(jax.random.key(seed))
    state, rng, start = optimizer.init(params), np.random.default_rng(seed), time.perf_counter()
    limits = (2, scenes.labels.shape[1] - CROP[0] + 1, scenes.labels.shape[2] - CROP[1] + 1)
    for i in range(steps):
        params, state = step(params, state, tuple(rng.integers(0, limit, BATCH, np.int32) for limit in limits))
        if (i + 1) % CHUNK == 0:
            jax.block_until_ready(params)
            advance()
    predictions = np.asarray(jnp.argmax(jax.jit(_network)(params, brightness), -1))
    overlaps = intersection_over_union(predictions[..., scenes.test], scenes.labels[..., scenes.test])
    return Fit(predictions, overlaps, time.perf_counter() - start)


def intersection_over_union(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return, of each class, the pixels that are both predicted and so labelled, over those that are either."""
    pairs = [(predictions == k, labels == k) for k in range(len(CLASSES))]
    return np.array([(p & y).sum() / max((p | y).sum(), 1) for p, y in pairs])


def part(advance: Advance, *, steps: int = STEPS) -> Part:
    """Train with each objective and report."""
    scenes, fits = load(), {}
    for objective in OBJECTIVES:
        fitted = fit(objective.loss, scenes, steps=steps, advance=advance)
        advance(f"{objective.name}: mean IoU {fitted.overlaps.mean():.3f}, {fitted.seconds:.1f} s")
        fits[objective.name] = fitted
    plain, *others = (float(fitted.overlaps.min()) for fitted in fits.values())
    rare = scenes.labels[..., scenes.test] == 1
    return Part(
        key="segmentation",
        title="What overlap losses are for",
        text="Two photographs, without their colours: which pixels were warm (a third more red than green), and which "
        "green? The same small network, trained on crops; the columns of the test are in them, but masked by `where`. "
        f"Only {rare.mean():.0%} of the test pixels are warm: cross-entropy counts pixels, Dice and Lovász what is "
        "shared of each class.",
        claims=[
            Claim(
                f"{max(others):.2f}",
                f"IoU of the class that is found worst, with overlap losses; {plain:.2f} without",
                max(others) > plain,
            )
        ],
        pictures=[
            Picture(
                "segmentation-scenes",
                "What the network is given, what it should find (warm, green), and what it finds; the test is judged "
                "between the lines.",
                lambda theme: _picture(scenes, fits, theme),
            )
        ],
        tables=[
            Table(
                "Intersection over union on the test columns",
                ("loss", *CLASSES, "mean", "seconds"),
                [
                    (name, *(f"{x:.3f}" for x in (*f.overlaps, f.overlaps.mean())), f"{f.seconds:.1f}")
                    for name, f in fits.items()
                ],
            )
        ],
        code="\n".join(f"jaxloss.{objective.code}" for objective in OBJECTIVES),
        data={
            name: {
                "intersection_over_union": dict(zip(CLASSES, f.overlaps.tolist(), strict=True)),
                "mean": float(f.overlaps.mean()),
                "seconds": f.seconds,
            }
            for name, f in fits.items()
        },
    )


def _initialise(key: Any) -> dict[str, tuple[Any, Any]]:
    shapes = {
        "near 1": (3, 3, 1, 16),
        "near 2": (3, 3, 16, 32),
        "far 1": (3, 3, 32, 32),
        "far 2": (3, 3, 32, 32),
        "far 3": (3, 3, 32, 32),
        "classes": (1, 1, 64, len(CLASSES)),
    }
    return {
        name: (jax.nn.initializers.he_normal()(k, shape, jnp.float32), jnp.zeros(shape[-1]))
        for k, (name, shape) in zip(jax.random.split(key, len(shapes)), shapes.items(), strict=True)
    }


def _network(params: Any, brightness: Any) -> Any:
    """Logits of every pixel: features of half the resolution beside those of a quarter, which see further."""

    def convolve(name: str, x: Any, stride: int = 1, dilation: int = 1) -> Any:
        kernel, bias = params[name]
        strides, dilations = (stride, stride), (dilation, dilation)
        numbers = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(x, kernel, strides, "SAME", rhs_dilation=dilations, dimension_numbers=numbers)
        return x + bias.reshape(1, 1, 1, -1)

    x = 2 * brightness[..., None] - 1
    near = jax.nn.relu(convolve("near 2", jax.nn.relu(convolve("near 1", x, stride=2))))
    far = jax.nn.relu(convolve("far 1", near, stride=2))
    far = jax.nn.relu(convolve("far 3", jax.nn.relu(convolve("far 2", far, dilation=2)), dilation=4))
    far = jax.image.resize(far, (*near.shape[:3], far.shape[-1]), "linear")
    logits = convolve("classes", jnp.concatenate([near, far], -1))
    return jax.image.resize(logits, (*x.shape[:3], len(CLASSES)), "linear")


def _picture(scenes: Scenes, fits: dict[str, Fit], theme: pictures.Theme) -> Figure:
    colours = ListedColormap([theme.grid, theme.lines[1], theme.lines[2]])
    columns = {"labels": scenes.labels, **{name: f.predictions for name, f in fits.items()}}
    edges = np.flatnonzero(np.diff(scenes.test.astype(int))) + 0.5
    figure, axes = pictures.new(theme, rows=2, columns=1 + len(columns), width=11, height=3.7)
    with pictures.style(theme):
        for row, (axis, *others) in enumerate(axes):
            axis.imshow(scenes.brightness[row], cmap="gray", vmin=0, vmax=1)
            axis.set_title("brightness" if row == 0 else "")
            for other, (name, classes) in zip(others, columns.items(), strict=True):
                other.imshow(classes[row], cmap=colours, vmin=0, vmax=2, interpolation="nearest")
                other.vlines(edges, -0.5, classes.shape[1] - 0.5, color=theme.ink, linewidth=0.7)
                other.set_title(name if row == 0 else "")
            for any_axis in (axis, *others):
                any_axis.set_axis_off()
    return figure
