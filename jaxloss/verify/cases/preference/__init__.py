"""Cases of `jaxloss.preference`, and how log-probabilities are drawn."""

import functools

import numpy as np
from mpmath import exp, mp

from jaxloss.verify.case import Inputs, Regime
from jaxloss.verify.inputs import magnitudes


def completions(
    *names: str, kinks: tuple[float, ...] = (), largest: float = 1e4, averages: bool = False, held: tuple[int, ...] = ()
) -> Inputs:
    """Log-probabilities of completions: sums over their tokens, or averages.

    ``kinks`` are where the loss of the first one changes its branch, the others being equal.
    """

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        shape = (len(names), n)
        level = -rng.uniform(0.5, 2, (1, n)) if averages else -rng.uniform(20, 60, (1, n))
        if regime == Regime.ORDINARY:
            drawn = level + (0.1 if averages else 4) * rng.normal(size=shape)
        elif regime == Regime.TINY:
            drawn = -np.abs(magnitudes(rng, shape, 1e-30, 1e-2))
        elif regime == Regime.HUGE:
            drawn = -np.abs(magnitudes(rng, shape, 1.0, largest))
        elif regime == Regime.SATURATED:
            drawn = level - rng.choice([0.0, 15.0, 60.0, 100.0], shape) * rng.uniform(0.8, 1, shape)
        elif regime == Regime.EQUAL and not averages:
            drawn = np.repeat(level, len(names), axis=0)
        elif regime == Regime.KINKS and kinks:
            drawn = np.repeat(level, len(names), axis=0)
            drawn[0] += rng.choice(np.asarray(kinks), n) * (1 + magnitudes(rng, n, 1e-4, 1e-1))
        else:
            return None
        return tuple(drawn)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        return x, *(np.full_like(x, -1.0 if averages else -20.0) for _ in names[1:])

    others = "the other" if len(names) == 2 else "the others"
    return Inputs(
        names,
        draw,
        curve=curve,
        span=(-3.0, -0.01) if averages else (-80.0, 40.0),
        xlabel=f"log-probability of the chosen completion, {others} {-1 if averages else -20}",
        compare=len(names),
        held=held,
    )


def tokens(
    *names: str, kinks: tuple[float, ...] = (), members: int | None = None, largest: float = 1e4, whole: bool = False
) -> Inputs:
    """Log-probabilities of tokens, then those of an old policy or a reference and, as third, advantages.

    ``kinks`` are log-ratios where the loss changes its branch. With ``members`` events are sequences of tokens;
    ``whole`` draws one advantage for each of them.
    """
    advantages = names[-1] == "advantages"

    def draw(
        rng: np.random.Generator, n: int, regime: Regime, _: int, length: int | None = None
    ) -> tuple[np.ndarray, ...] | None:
        shape = (n,) if members is None else (n, length)
        new, size = -np.abs(2 * rng.normal(size=shape)), rng.normal(size=shape)
        if regime == Regime.ORDINARY:
            change = 0.3 * rng.normal(size=shape)
        elif regime == Regime.TINY:
            new, change = -np.abs(magnitudes(rng, shape, 1e-30, 1e-2)), -np.abs(magnitudes(rng, shape, 1e-30, 1e-2))
            size = magnitudes(rng, shape, 1e-20, 1e-2)
        elif regime == Regime.HUGE:
            change = magnitudes(rng, shape, 1.0, largest)
            size = magnitudes(rng, shape, 1e2, 1e10)
        elif regime == Regime.SATURATED:
            change = rng.choice([-100.0, -60.0, -15.0, 15.0, 60.0], shape)
            size = np.where(rng.random(shape) < 0.2, 0.0, size)
        elif regime == Regime.EQUAL:
            change = np.zeros(shape)
        elif regime == Regime.KINKS and kinks:
            change = rng.choice(np.asarray(kinks), shape) * (1 + magnitudes(rng, shape, 1e-4, 1e-1))
        else:
            return None
        if not advantages:
            return new, new - change
        size = size[:, 0] if whole else size
        return (new, size) if len(names) == 2 else (new, new - change, size)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        shaped = x if members is None else x[:, None]
        rest = [np.full_like(shaped, -1.0)] if len(names) == 3 or not advantages else []
        return shaped, *rest, *([np.ones_like(x if whole else shaped)] if advantages else [])

    return Inputs(
        names,
        draw,
        curve=curve,
        span=(-3.0, 0.0),
        xlabel="log-probability, before −1, advantage 1" if len(names) == 3 else "log-probability",
        compare=1 if whole else len(names),
        members=members,
        member="token",
        members_of=(0, 1) if whole else None,
        value_per="event" if members is None else "member",
        held=tuple(range(1, len(names))),
    )


def sigmoid(x):
    """1 / (1 + e^-x)."""
    return 1 / (1 + exp(-x))


def of_many_digits(reference):
    """Return the reference with enough digits for what float64 holds beside 1."""

    @functools.wraps(reference)
    def computed(*event, **params):
        with mp.workdps(520):
            return reference(*event, **params)

    return computed
