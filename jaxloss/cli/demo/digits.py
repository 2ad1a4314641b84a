"""Four losses train the same small convolutional network on handwritten digits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import jaxloss
from jaxloss.cli import pictures
from jaxloss.cli.demo.parts import Claim, Part, Picture, Table
from jaxloss.cli.screen import Advance

__all__ = ["EPOCHS", "OBJECTIVES", "Digits", "Fit", "Objective", "fit", "initialise", "load", "network", "part"]

EPOCHS = 30
BATCH = 64
DUE = 0.95


class Digits(NamedTuple):
    """The 1797 digits of scikit-learn, 8 by 8 pixels in [0, 1], a quarter of them kept for the test."""

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load(seed: int = 0) -> Digits:
    """Read the digits and split them."""
    data: Any = load_digits()
    images, labels = (data.images / 16).astype(np.float32), data.target.astype(np.int32)
    order = np.random.default_rng(seed).permutation(len(labels))
    test, train = order[: len(order) // 4], order[len(order) // 4 :]
    return Digits(images[train], labels[train], images[test], labels[test])


class Objective(NamedTuple):
    """A loss of logits and class ids, and how to write it."""

    name: str
    code: str
    loss: Callable[[Any, Any], Any]


OBJECTIVES = (
    Objective(
        "softmax cross-entropy",
        "softmax_cross_entropy_with_integer_labels(logits, labels, label_smoothing=0.1)",
        lambda z, y: jaxloss.softmax_cross_entropy_with_integer_labels(z, y, label_smoothing=0.1),
    ),
    Objective(
        "softmax focal", "softmax_focal(logits, labels, gamma=2)", lambda z, y: jaxloss.softmax_focal(z, y, gamma=2)
    ),
    Objective("multiclass hinge", "multiclass_hinge(logits, labels)", lambda z, y: jaxloss.multiclass_hinge(z, y)),
    Objective(
        "sigmoid focal, one versus rest",
        "sigmoid_focal(logits, one_hot(labels, 10), gamma=2)",
        lambda z, y: jaxloss.sigmoid_focal(z, jax.nn.one_hot(y, 10), gamma=2),
    ),
)


class Fit(NamedTuple):
    """A trained network and how it got there."""

    params: Any
    losses: list[float]
    accuracies: list[float]
    """On the test digits, after each epoch."""
    seconds: float


def fit(loss: Callable[[Any, Any], Any], digits: Digits, *, epochs: int, advance: Advance, seed: int = 0) -> Fit:
    """Train the network with a loss of logits and labels."""
    steps = max(1, len(digits.labels) // BATCH)
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, epochs * steps))

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, images: Any, labels: Any) -> Any:
        value, grads = jax.value_and_grad(lambda params: loss(network(params, images), labels))(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value

    accuracy = jax.jit(lambda params, x, y: jnp.mean(jnp.argmax(network(params, x), -1) == y, dtype=jnp.float32))
    params = initialise(jax.random.key(seed))
    state = optimizer.init(params)
    rng = np.random.default_rng(seed)
    losses, accuracies, start = [], [], time.perf_counter()
    for _ in range(epochs):
        values = []
        for images, labels in _batches(rng, digits):
            params, state, value = step(params, state, images, labels)
            values.append(value)
        losses.append(float(np.mean(jax.device_get(values))))
        accuracies.append(float(accuracy(params, digits.test_images, digits.test_labels)))
        advance()
    return Fit(params, losses, accuracies, time.perf_counter() - start)


def part(advance: Advance, *, epochs: int = EPOCHS) -> Part:
    """Train with each objective and report."""
    digits, fits = load(), {}
    for objective in OBJECTIVES:
        fitted = fit(objective.loss, digits, epochs=epochs, advance=advance)
        advance(f"{objective.name}: {fitted.accuracies[-1]:.1%} of the test digits, {fitted.seconds:.1f} s")
        fits[objective.name] = fitted
    worst = min(fitted.accuracies[-1] for fitted in fits.values())
    return Part(
        key="classification",
        title="Four losses read handwritten digits",
        text=f"The same convolutional network, trained on {len(digits.labels)} real digits in jit-compiled optax steps "
        f"with donated state, then tested on {len(digits.test_labels)} others. Only the loss changes.",
        claims=[Claim(f"{worst:.1%}", "test accuracy, the lowest of four losses", worst > DUE)],
        pictures=[
            Picture("classification-accuracy", "Test accuracy after each epoch.", lambda theme: _curves(fits, theme)),
            Picture(
                "classification-hardest",
                "The test digits with the largest cross-entropy: what they are, and what the network sees.",
                lambda theme: _hardest(fits[OBJECTIVES[0].name].params, digits, theme),
            ),
        ],
        tables=[
            Table(
                "After training",
                ("loss", "test accuracy", "mistakes", "epochs to 95 %", "seconds"),
                [_row(objective, fits[objective.name], len(digits.test_labels)) for objective in OBJECTIVES],
            )
        ],
        code="\n".join(f"jaxloss.{objective.code}" for objective in OBJECTIVES),
        data={
            name: {
                "test_accuracy": f.accuracies[-1],
                "accuracies": f.accuracies,
                "losses": f.losses,
                "seconds": f.seconds,
            }
            for name, f in fits.items()
        },
    )


def initialise(key: Any) -> dict[str, tuple[Any, Any]]:
    """Parameters of the network: two convolutions and a dense layer."""
    shapes = {"conv 1": (3, 3, 1, 16), "conv 2": (3, 3, 16, 32), "dense": (4 * 4 * 32, 10)}
    return {
        name: (jax.nn.initializers.he_normal()(k, shape, jnp.float32), jnp.zeros(shape[-1]))
        for k, (name, shape) in zip(jax.random.split(key, len(shapes)), shapes.items(), strict=True)
    }


def network(params: Any, images: Any) -> Any:
    """Logits of the ten digits."""
    x = images[..., None]
    for name, stride in (("conv 1", 1), ("conv 2", 2)):
        kernel, bias = params[name]
        x = jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = jax.nn.relu(x + bias.reshape(1, 1, 1, -1))
    kernel, bias = params["dense"]
    return x.reshape(len(x), -1) @ kernel + bias.reshape(1, -1)


def _batches(rng: np.random.Generator, digits: Digits) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield an epoch in random order."""
    order = rng.permutation(len(digits.labels))
    size = min(BATCH, len(order))
    for i in range(0, len(order) - size + 1, size):
        chosen = order[i : i + size]
        yield digits.images[chosen], digits.labels[chosen]


def _row(objective: Objective, fitted: Fit, tests: int) -> tuple[str, ...]:
    accuracy = fitted.accuracies[-1]
    reached = next((str(i + 1) for i, a in enumerate(fitted.accuracies) if a > DUE), "never")
    return objective.name, f"{accuracy:.1%}", str(round((1 - accuracy) * tests)), reached, f"{fitted.seconds:.1f}"


def _curves(fits: dict[str, Fit], theme: pictures.Theme) -> Figure:
    figure, ((axes,),) = pictures.new(theme, height=3.4)
    with pictures.style(theme):
        for name, fitted in fits.items():
            axes.plot(np.arange(1, len(fitted.accuracies) + 1), 100 * np.asarray(fitted.accuracies), label=name)
        axes.axhline(100 * DUE, color=theme.faint, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_ylim(80, 100.5)
        axes.set_xlabel("epoch")
        axes.set_title("test accuracy, %")
        pictures.legend(figure, axes, columns=4)
    return figure


def _hardest(params: Any, digits: Digits, theme: pictures.Theme, count: int = 12) -> Figure:
    logits = np.asarray(network(params, jnp.asarray(digits.test_images)))
    losses = jaxloss.softmax_cross_entropy_with_integer_labels(logits, digits.test_labels, reduction="none")
    hardest = np.argsort(-np.asarray(losses))[:count]
    figure, axes = pictures.new(theme, columns=count, height=1.2)
    with pictures.style(theme):
        for axis, i in zip(axes[0], hardest, strict=True):
            seen = int(logits[i].argmax())
            label = int(digits.test_labels[i])
            pictures.grey(
                axis, digits.test_images[i], theme, title=f"{label} → {seen}" if seen != label else f"{label}"
            )
    return figure
