"""Whether scores have moved since a reference was recorded, seed by seed.

A seed fixes initial weights and tasks. So the same code on the same machine repeats a seed's score
to the last digit, and a change that does no harm, as another order of sums, moves it only as far as
training amplifies rounding. That spread is measured; a move of the mean is told from it, and so is
a change that moves seeds up and down by more, whatever their mean does.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, stats

Move = Literal["passed", "fell", "rose", "changed"]

LEVEL = 0.001
"""The share of gates that say of some row that it fell although the change did no harm; as many
say that one rose, and as many that one changed. Each of the gate's tests has its part of it."""
POWER = 0.95

_QUANTILES = 1000
_Z95 = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How far a seed's score moves under changes that do no harm."""

    value: float
    """A standard deviation, in the unit of the score."""
    runs: int
    """How many differences it was taken over; 0 where something greater stands for it."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The scores of now against those of the reference, in their unit."""

    status: Move
    difference: float
    """The mean over seeds of now minus the reference."""
    ci95: float
    """Half-width of its interval, by the greater of the measured spread and that seen here."""


def compare(
    now: Sequence[float],
    reference: Sequence[float],
    spread: Spread,
    *,
    tests: int,
    higher_is_better: bool,
) -> Comparison:
    """Compare seed with seed: both hold one score a seed, of the same seeds in the same order.

    The mean difference has moved where it is farther from zero than a normal variable of that
    `spread`, or of the differences' own where that is greater, would be at `LEVEL` split over
    `tests`. `rose` fails as `fell` does: a score that is too good to be true has often seen the
    answers. The row has `changed` where its mean has not moved, but the variance of the differences
    is greater than the measured one by an F-test at the same level. A score that is not finite is
    worse than any that is. Raises `ValueError` for fewer than two seeds, for
    seeds without a partner, and for a reference that is not finite.
    """
    ours, theirs = np.asarray(now, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if ours.shape != theirs.shape or ours.size < 2:
        raise ValueError(f"two pairs at least are needed, not {ours.size} and {theirs.size} scores")
    if not np.isfinite(theirs).all():
        raise ValueError("the reference has a score that is not finite")
    if not np.isfinite(ours).all():
        return Comparison(status="fell", difference=math.nan, ci95=math.nan)
    differences = ours - theirs
    difference = float(differences.mean())
    seen = float(differences.std(ddof=1))
    error = max(spread.value, seen) / math.sqrt(ours.size)
    status: Move = "passed"
    if abs(difference) > critical(tests) * error:
        status = "rose" if (difference > 0.0) == higher_is_better else "fell"
    elif seen > apart(spread.runs, seeds=ours.size, tests=tests) * spread.value:
        status = "changed"
    return Comparison(status=status, difference=difference, ci95=_Z95 * error)


def noticed(spread: float, *, seeds: int, tests: int) -> float:
    """The least fall that `compare` notices in 95 of 100 gates, in the unit of `spread`.

    Every seed falls by it, and differs by `spread` besides, normally. Where more spread is seen
    than was measured a greater fall is needed, so chances are averaged over what may be seen.
    """
    shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    seen = np.sqrt(stats.chi2.ppf(shares, seeds - 1) / (seeds - 1))
    needed = critical(tests) * np.maximum(1.0, seen)

    def lacking(fall: float) -> float:
        """By how much the power is too small; `fall` is in standard errors of a mean."""
        return POWER - float(stats.norm.sf(needed - fall).mean())

    return spread * float(optimize.brentq(lacking, 0.0, 100.0)) / math.sqrt(seeds)


@functools.cache
def critical(tests: int) -> float:
    """How many standard errors a mean of no change is away from zero at most, one way."""
    return float(stats.norm.isf(LEVEL / tests))


@functools.cache
def apart(runs: int, *, seeds: int, tests: int) -> float:
    """How many times a spread of so many `runs` the differences spread at most, of no change."""
    return math.sqrt(stats.f.isf(LEVEL / tests, seeds - 1, runs)) if runs else math.inf
