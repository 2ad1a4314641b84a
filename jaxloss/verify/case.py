"""A `Case`: one loss as data, from which laws, accuracy, plots, benchmarks and docs follow."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Callable, Mapping, Set
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

__all__ = ["Case", "Inputs", "Property", "Regime"]


class Regime(enum.StrEnum):
    """Where the arguments of a loss are drawn: each regime is where some library loses digits or produces NaN."""

    ORDINARY = "ordinary"  # of order one
    TINY = "tiny"  # magnitudes from 1e-30 to 1e-2
    HUGE = "huge"  # magnitudes from 1e2 to 1e30
    KINKS = "kinks"  # close to every point where the formula changes its branch
    EQUAL = "equal"  # predictions equal to targets, uniform rows, one-hot labels
    SATURATED = "saturated"  # logits of +-100 and +-1e4


Draw = Callable[..., tuple[np.ndarray, ...] | None]
"""``(rng, events, regime, classes)``, and ``steps``, ``members`` and ``features`` where there are any, to float64 (or
integer) arrays; None where the regime has no meaning."""


class Property(enum.StrEnum):
    """What a case declares of its loss, in its first data argument; each is a law."""

    NON_NEGATIVE = "non-negative"
    CONVEX = "convex"
    SYMMETRIC = "symmetric"  # exchanging the first two data arguments changes nothing
    ZERO_AT_TARGET = "zero at the target"
    SHIFT_INVARIANT = "shift-invariant"  # adding one number to a row of the first argument changes nothing
    CLASS_PERMUTABLE = "class-permutable"  # permuting the classes of rows and labels changes nothing


@dataclasses.dataclass(frozen=True)
class Inputs:
    """How the data of a family of losses are drawn, and how a curve through them is drawn.

    The leading axis of every array counts events, which know nothing of each other. With ``axis=None`` the loss is
    elementwise and an event is a number; otherwise it is a row along that axis. A loss that couples the pixels of an
    image, the examples of a batch or the items of a list has events with ``members``: the second axis of the data.
    """

    names: tuple[str, ...]
    """The data arguments, in order."""
    draw: Draw
    axis: int | None = None
    classes: int = 5
    """Length of a row, where the loss has one."""
    labels: str | None = None
    """What the last argument holds: "integer" or "dense" labels, or None when it is nothing of the kind."""
    fixed: bool = False
    """Whether rows have that length and no other, as the four numbers of a box have."""
    curve: Callable[[np.ndarray], tuple[np.ndarray, ...]] | None = None
    """A sweep ``x`` of one prediction to data, one event for each ``x``: for plots and for the convexity law."""
    span: tuple[float, float] = (-3.0, 3.0)
    xlabel: str = "prediction"
    scene: str | None = None
    """A picture that belongs beside the curve, of those in `jaxloss.cli.scenes`: "boxes" for boxes on a plane."""
    compare: int = 1
    """How many of the leading arguments have the same shape and are checked against each other."""
    steps: int | None = None
    """How many steps of time a sequence has, in events that are sequences; each may be shorter."""
    members: int | None = None
    """How many pixels, examples, items or tokens an event has; ``where`` says which exist. None: an event is one."""
    member: Literal["example", "pixel", "item", "token"] = "example"
    """What the members are: benchmarks have other sizes for each."""
    members_of: tuple[int, ...] | None = None
    """Positions of the data arguments that have a member axis; None: all."""
    value_per: Literal["event", "member", "class"] = "event"
    """What a value of the unreduced loss, and hence a weight, belongs to."""
    neighbours: bool = False
    """Whether members know their neighbours, as pixels may: then only members at the end of the line can be masked as
    if they were not there, and only turning it round changes no value."""
    named: int = 0
    """How many of the last data arguments are passed by name: a predicted variance beside the mean and the target."""
    features: int | None = None
    """Length of the hidden states of tokens, whose classes are those of the kernel; an argument of ``draw`` then."""
    trained: tuple[int, ...] = (0,)
    """Positions of the data arguments that a model makes or learns: benchmarks take the gradient of these."""
    held: tuple[int, ...] = ()
    """Positions of the data arguments that the loss holds fixed: their gradient is exactly 0, whatever it would be."""

    def __call__(
        self, rng: np.random.Generator, events: int, regime: Regime = Regime.ORDINARY
    ) -> tuple[np.ndarray, ...] | None:
        """Draw data for that many events."""
        sizes = (size for size in (self.steps, self.members, self.features) if size is not None)
        return self.draw(rng, events, regime, self.classes, *sizes)

    @property
    def argnums(self) -> int | tuple[int, ...]:
        """What benchmarks differentiate in: a number where it is one argument, as users do."""
        return self.trained[0] if len(self.trained) == 1 else self.trained

    def has_members(self, argument: int) -> bool:
        """Whether the data argument at that position has a member axis."""
        return self.members is not None and (self.members_of is None or argument in self.members_of)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One loss as data.

    For instance::

        Case(
            loss=huber,
            inputs=inputs.residuals(kinks=(-1, 1)),
            reference=lambda p, t, delta=1: ...,  # of one event, in mpmath numbers
            formula="r²/2 if |r| ≤ δ else δ(|r| − δ/2)",
            differentiable=1,
            properties={Property.NON_NEGATIVE, Property.CONVEX},
        )
    """

    loss: Callable[..., Any]
    inputs: Inputs
    reference: Callable[..., Any] | None
    """The unreduced loss of one event in mpmath numbers (rows are lists, members lists of rows, class ids ints), with
    ``params`` as keywords: a number, or a list of them where the loss has a value for each member or class.

    None: float32 is compared with what the loss itself gives in float64."""
    formula: str
    """One line of plain text, for tables."""
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    learnable: tuple[str, ...] = ()
    """Those of the params that may be arrays with a gradient."""
    differentiable: int | None = None
    """How often the loss is continuously differentiable: 0 has kinks, None is smooth."""
    properties: Set[Property] = frozenset()
    lipschitz: float | None = None
    """Bound on the absolute derivative in the first argument, element by element."""
    degree: float | None = None
    """Homogeneity: multiplying all data by s > 0 multiplies the loss by s**degree."""
    ulps: float = 4
    """Promised error of value and gradient, in units in the last place."""
    conditioned: bool = False
    """The true result is a difference of terms: measure the error in ulps of the largest, which is what a change of
    the inputs in their last place would do to the result."""
    unit: float = 0.0
    """Results below this size are measured in ulps of it: 1 where probabilities near 1 are summed and subtracted, of
    which the small rest is not kept."""
    peers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What peers call it: ``{"optax": "losses.huber_loss", "torch": "nn.functional.huber_loss"}``. Where events have
    members, the peer takes one event and gives its mean."""

    def __post_init__(self) -> None:
        """Freeze what a caller passed as plain dict, list or set."""
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))
        object.__setattr__(self, "peers", MappingProxyType(dict(self.peers)))
        object.__setattr__(self, "properties", frozenset(self.properties))

    @property
    def name(self) -> str:
        """The name of the loss with the parameters of this case: ``huber(delta=2)``.

        For a loss that takes class ids and distributions, the cases with distributions say ``dense``.
        """
        params = ", ".join(f"{key}={_short(value)}" for key, value in self.params.items())
        if self.inputs.labels == "dense" and "ignore_index" in inspect.signature(self.loss).parameters:
            params = f"{params}, dense" if params else "dense"
        return f"{self.loss.__name__}({params})" if params else self.loss.__name__

    @property
    def family(self) -> str:
        """The folder that the loss lives in."""
        parts = self.loss.__module__.split(".")
        return parts[1] if parts[0] == "jaxloss" and len(parts) > 1 else parts[0]

    def __call__(self, *data: Any, **options: Any) -> Any:
        """Call the loss with the parameters of this case."""
        first = len(data) - self.inputs.named
        named = dict(zip(self.inputs.names[first:], data[first:], strict=True)) if self.inputs.named else {}
        return self.loss(*data[:first], **{**self.params, **named, **options})


def _short(value: Any) -> str:
    text = str(value.tolist() if hasattr(value, "tolist") else value)
    if isinstance(value, float) and len(text) > 10:  # one that is exact in float32
        text = f"{value:.7g}"
    return text if len(text) <= 24 else f"{text[:21]}..."
