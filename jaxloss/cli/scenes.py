"""Pictures of losses that a curve does not tell: what a prediction that lies on a plane costs, and where it is pulled.

`Inputs.scene` names the scene of a loss. A new scene is a function of axes, case and theme in `SCENES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from jaxloss.cli.pictures import Theme
from jaxloss.verify import Case

__all__ = ["SCENES", "draw", "landscape"]


def draw(axes: Axes, case: Case, theme: Theme) -> None:
    """Draw the scene of a case."""
    SCENES[case.inputs.scene or ""](axes, case, theme)


def landscape(loss: Callable[[Any], Any], x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss of one point at every (x, y) of a grid, and the descent there, minus its gradient; in float64."""
    with jax.enable_x64(True):
        points = jnp.stack(jnp.meshgrid(jnp.asarray(x), jnp.asarray(y)), axis=-1).reshape(-1, 2)
        values, slopes = jax.jit(jax.vmap(jax.value_and_grad(loss)))(points)
    return np.asarray(values).reshape(len(y), len(x)), -np.asarray(slopes).reshape(len(y), len(x), 2)


# ---- boxes -----------------------------------------------------------------------------------------------------------

TARGET, PREDICTION = (2.0, 2.0), (1.6, 1.2)
"""Width and height; the target's centre is the origin."""
WIDE, HIGH = 4.0, 3.0


def _boxes(axes: Axes, case: Case, theme: Theme) -> None:
    """Draw the loss over the centre of a predicted box of fixed size, the target, and the way down."""

    def loss(middle: Any) -> Any:
        return case(_box(case, middle, PREDICTION), _box(case, jnp.zeros(2), TARGET))

    x, y = np.linspace(-WIDE, WIDE, 161), np.linspace(-HIGH, HIGH, 121)
    values, _ = landscape(loss, x, y)
    colours = LinearSegmentedColormap.from_list("loss", [theme.lines[0], theme.paper])
    filled = axes.contourf(x, y, values, levels=14, cmap=colours)
    axes.contour(x, y, values, levels=filled.levels, colors=theme.grid, linewidths=0.5)
    _arrows(axes, loss, theme, x=np.linspace(-3.5, 3.5, 13), y=np.linspace(-2.6, 2.6, 9))
    _outline(axes, (0, 0), TARGET, "target", color=theme.ink, linewidth=1.8)
    corner = (-WIDE + PREDICTION[0] / 2 + 0.15, -HIGH + PREDICTION[1] / 2 + 0.15)
    _outline(axes, corner, PREDICTION, "prediction", color=theme.lines[1], linewidth=1.6, linestyle=(0, (4, 2)))
    axes.figure.colorbar(filled, ax=axes, shrink=0.85, pad=0.02, format="%.2g").outline.set_visible(False)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.set_title("value and descent")
    axes.set_xlabel("centre of the predicted box")


def _box(case: Case, middle: Any, size: tuple[float, float]) -> Any:
    """A box in the format of the case."""
    sides = jnp.asarray(size)
    first, last = middle - sides / 2, middle + sides / 2
    parts = {"xyxy": (first, last), "xywh": (first, sides), "cxcywh": (middle, sides)}
    return jnp.concatenate(parts[case.params.get("format", "xyxy")])


def _arrows(axes: Axes, loss: Callable[[Any], Any], theme: Theme, *, x: np.ndarray, y: np.ndarray) -> None:
    """Arrows of one length in the direction of descent; none where nothing pulls."""
    _, descent = landscape(loss, x, y)
    length = np.linalg.norm(descent, axis=-1)
    pulled = length > 1e-6 * max(float(length.max()), 1e-300)
    (row, column), unit = np.nonzero(pulled), descent[pulled] / length[pulled][:, None]
    axes.quiver(
        x[column], y[row], unit[:, 0], unit[:, 1],
        color=theme.faint, pivot="middle", scale=26, width=0.004, headwidth=4.5, headlength=4.5, headaxislength=4,
    )  # fmt: skip


def _outline(axes: Axes, middle: tuple[float, float], size: tuple[float, float], name: str, **look: Any) -> None:
    corner = middle[0] - size[0] / 2, middle[1] - size[1] / 2
    axes.add_patch(Rectangle(corner, *size, fill=False, zorder=4, **look))
    place = (corner[0], corner[1] + size[1])
    halo = [withStroke(linewidth=2.5, foreground=axes.get_facecolor())]
    look = {"color": look["color"], "fontsize": 8, "path_effects": halo, "zorder": 5}
    axes.annotate(name, place, (0, 3), textcoords="offset points", **look)


# ---- points ----------------------------------------------------------------------------------------------------------


def _points(axes: Axes, case: Case, theme: Theme) -> None:
    """Draw the loss over the place of one embedding in the plane, the others, and the way down.

    The others are those of the curve: vectors of each argument, named by their label where they have one.
    """
    assert case.inputs.curve is not None
    moving, *rest = (np.asarray(array)[0] for array in case.inputs.curve(np.array([0.0])))

    def loss(place: Any) -> Any:
        moved = jnp.asarray(moving).at[0].set(place) if moving.ndim > 1 else place
        return jnp.mean(case(*(jnp.asarray(array)[None] for array in (moved, *rest)), reduction="none"))

    others = _others(case, [moving, *rest])
    reach = max(1.6, 1.2 * max(float(np.max(np.abs(places))) for places in others.values()))
    x = np.linspace(-reach, reach, 120)  # an even number: no place is the origin, which has no direction
    values, _ = landscape(loss, x, x)
    colours = LinearSegmentedColormap.from_list("loss", [theme.lines[0], theme.paper])
    filled = axes.contourf(x, x, values, levels=14, cmap=colours)
    axes.contour(x, x, values, levels=filled.levels, colors=theme.grid, linewidths=0.5)
    _arrows(axes, loss, theme, x=0.9 * x[5::10], y=0.9 * x[5::10])
    for i, (name, place) in enumerate(others.items()):
        colour = theme.lines[1:][i % (len(theme.lines) - 1)]
        axes.plot(*np.transpose(place), "o", color=colour, markersize=7, markeredgecolor=theme.paper, label=name)
    axes.legend(loc="lower right", fontsize=7.5, frameon=True, facecolor=theme.paper, edgecolor=theme.grid)
    axes.figure.colorbar(filled, ax=axes, shrink=0.85, pad=0.02, format="%.2g").outline.set_visible(False)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.set_title("value and descent")
    label = f" of class {rest[-1].flat[0]}" if np.issubdtype(rest[-1].dtype, np.integer) else ""
    axes.set_xlabel(f"place of one embedding{label}")


def _others(case: Case, event: list[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Names of the vectors that do not move, and where they are."""
    labels = event[-1] if np.issubdtype(event[-1].dtype, np.integer) and event[-1].ndim else None
    found: dict[str, list[np.ndarray]] = {}
    for i, array in enumerate(event):
        if array.shape[-1:] != (2,) or np.issubdtype(array.dtype, np.integer):
            continue
        vectors = array.reshape(-1, 2)
        for j, vector in enumerate(vectors):
            if i == 0 and j == 0:
                continue
            if labels is not None and len(labels) == len(vectors):
                name = f"class {labels[j]}"
            else:
                name = case.inputs.names[i] + (f" {j}" if array.ndim == 2 and i > 0 else "")
            found.setdefault(name, []).append(vector)
    return found


SCENES: Mapping[str, Callable[[Axes, Case, Theme], None]] = MappingProxyType({"boxes": _boxes, "points": _points})
"""What draws each scene."""
