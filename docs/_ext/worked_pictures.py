"""The pictures of ``docs/worked.md``, drawn from the losses when the docs are built."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from drawing import DOCS, GENERATED, markdown, save, write
from matplotlib.figure import Figure

import jaxloss
from jaxloss.cli import pictures
from jaxloss.cli.pictures import Theme

Lines = Mapping[str, Callable[[Any], Any]]
RESIDUALS = np.linspace(-3, 3, 601)
LOGITS = np.linspace(-6, 6, 601)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", lambda _: generate())
    return {"parallel_read_safe": True}


def generate() -> None:
    """Draw every picture, and write the lines that the page includes."""
    for name, (alt, draw) in _pictures().items():
        save(f"worked-{name}", draw)
        write(GENERATED / "worked" / f"{name}.md", markdown(f"worked-{name}", alt))


def _pictures() -> dict[str, tuple[str, Callable[[Theme], Figure]]]:
    of = lambda loss, **options: lambda r: loss(r, jnp.zeros_like(r), **options)
    labelled = lambda loss, label, **options: lambda x: loss(x, jnp.full_like(x, label), **options)
    bce, prob = jaxloss.sigmoid_binary_cross_entropy, jaxloss.binary_cross_entropy
    first = lambda x: jnp.stack([x, jnp.zeros_like(x), jnp.zeros_like(x)], -1)
    smooth = lambda s: (
        lambda x: jaxloss.softmax_cross_entropy_with_integer_labels(
            first(x), jnp.zeros(x.shape, jnp.int32), label_smoothing=s, reduction="none"
        )
    )
    return {
        "squared": _pair(
            {"squared error": of(jaxloss.squared_error), "absolute error": of(jaxloss.absolute_error)},
            RESIDUALS,
            "residual",
        ),
        "huber": _pair(
            {
                "half squared error": of(jaxloss.half_squared_error),
                "absolute error": of(jaxloss.absolute_error),
                "huber": of(jaxloss.huber),
                "log_cosh": of(jaxloss.log_cosh),
            },
            RESIDUALS,
            "residual",
        ),
        "pseudo-huber": _pair(
            {
                "half squared error": of(jaxloss.half_squared_error),
                "absolute error": of(jaxloss.absolute_error),
                "pseudo_huber, δ = 1": of(jaxloss.pseudo_huber, delta=1),
                "pseudo_huber, δ = 5": of(jaxloss.pseudo_huber, delta=5),
            },
            RESIDUALS,
            "residual",
        ),
        "hinge": _pair(
            {
                "hinge": labelled(jaxloss.hinge, 1.0),
                "squared_hinge": labelled(jaxloss.squared_hinge, 1.0),
                "logistic": labelled(jaxloss.logistic, 1.0),
            },
            np.linspace(-3, 5, 801),
            "score, label +1",
        ),
        "logistic": ("a fitted logistic curve, the probabilities of ten points, and their logarithms", _logistic),
        "sigmoid": _pair(
            {
                "label 1": labelled(bce, 1.0),
                "label 0": labelled(bce, 0.0),
                "label 0.3": labelled(bce, 0.3),
                "label 1, pos_weight 0.5": labelled(bce, 1.0, pos_weight=0.5),
            },
            LOGITS,
            "logit",
        ),
        "probabilities": _pair(
            {"label 1": labelled(prob, 1.0), "label 0": labelled(prob, 0.0)},
            np.linspace(0.01, 0.99, 601),
            "probability",
        ),
        "softmax": ("labels, probabilities and the gradient, their difference, of a row of four logits", _softmax),
        "smoothing": _pair(
            {f"smoothing {s:g}": smooth(s) for s in (0.0, 0.1, 0.3)}, LOGITS, "logit of the true class, others 0"
        ),
        "focal": _pair(
            {f"γ = {g:g}": labelled(jaxloss.sigmoid_focal, 1.0, gamma=g) for g in (0, 0.5, 1, 2, 5)},
            LOGITS,
            "logit, label 1",
        ),
        "focal-soft": _pair(
            {
                "sigmoid_focal": labelled(jaxloss.sigmoid_focal, 0.3),
                "sigmoid_focal_exp": labelled(jaxloss.sigmoid_focal_exp, 0.3),
                "quality_focal": labelled(jaxloss.quality_focal, 0.3),
            },
            LOGITS,
            "logit, label 0.3",
        ),
    }


def _pair(lines: Lines, x: np.ndarray, xlabel: str) -> tuple[str, Callable[[Theme], Figure]]:
    """Values on the left, gradients on the right."""
    with jax.enable_x64(True):
        at = jnp.asarray(x, jnp.float64)
        unreduced = {name: _unreduced(line) for name, line in lines.items()}
        values = {name: np.asarray(line(at)) for name, line in unreduced.items()}
        slopes = {
            name: np.asarray(jax.grad(lambda x, line=line: jnp.sum(line(x)))(at)) for name, line in unreduced.items()
        }

    def draw(theme: Theme) -> Figure:
        figure, (axes,) = pictures.new(theme, columns=2)
        with pictures.style(theme):
            for axis, title, drawn in ((axes[0], "loss", values), (axes[1], "gradient", slopes)):
                pictures.curves(axis, x, drawn, title=title, xlabel=xlabel)
            pictures.legend(figure, axes[0])
        return figure

    return f"loss and gradient of {', '.join(lines)} over the {xlabel}", draw


def _unreduced(line: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The line as one value for each x."""
    return jax.vmap(line)


def _logistic(theme: Theme) -> Figure:
    made = _made_in("Why cross-entropy is the logarithm of a probability")
    x, y, p = (np.asarray(made[name]) for name in "xyp")
    line = np.linspace(-3, 5.4, 400)
    curve = np.asarray(jax.nn.sigmoid(made["logits"](made["fitted"], jnp.asarray(line))))
    colours = [theme.lines[0] if yes else theme.lines[1] for yes in y]
    figure, (axes,) = pictures.new(theme, columns=3, width=10.5)
    with pictures.style(theme):
        axes[0].plot(line, curve, color=theme.faint)
        axes[0].scatter(x, y, c=colours, zorder=3)
        axes[0].set_title("probability of yes")
        axes[0].set_xlabel("x")
        for axis, bars, title in (
            (axes[1], p, "probability of what it is"),
            (axes[2], -np.log(p), "minus its logarithm"),
        ):
            axis.bar(range(len(x)), bars, color=colours)
            axis.set_xticks(range(len(x)), [f"{v:g}" for v in x], fontsize=7.5)
            axis.grid(axis="x", visible=False)
            axis.set_title(title)
            axis.set_xlabel("x")
        axes[2].axhline(float(np.mean(-np.log(p))), color=theme.ink, linewidth=1, linestyle=(0, (4, 3)))
        axes[2].annotate("mean: the loss", (9.4, float(np.mean(-np.log(p)))), xytext=(0, 4), textcoords="offset points",
                         ha="right", color=theme.ink, fontsize=8.5)  # fmt: skip
    return figure


def _softmax(theme: Theme) -> Figure:
    logits, label = jnp.array([[1.0, 2.0, 3.0, 4.0]]), jnp.array([2])
    gradient = jax.grad(jaxloss.softmax_cross_entropy_with_integer_labels)(logits, label)[0]
    bars = {"label": np.eye(4)[2], "softmax": jax.nn.softmax(logits)[0], "gradient = softmax - label": gradient}
    figure, (axes,) = pictures.new(theme, columns=3, width=10.5, height=2.8, sharey=True)
    with pictures.style(theme):
        for axis, (title, heights), colour in zip(axes, bars.items(), theme.lines, strict=False):
            axis.bar(range(4), np.asarray(heights), color=colour)
            axis.axhline(0, color=theme.faint, linewidth=0.8)
            axis.set_xticks(range(4), ["logit 1", "2", "3", "4"])
            axis.grid(axis="x", visible=False)
            axis.set_title(title)
    return figure


def _made_in(heading: str) -> dict[str, Any]:
    """Run the first block of the page, its imports, and those of one section: a picture shows what the code made."""
    text = (DOCS / "worked.md").read_text(encoding="utf-8")
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    find = lambda text: re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    namespace: dict[str, Any] = {}
    for block in [find(text)[0], *find(section)]:
        exec(block, namespace)
    return namespace
