"""Whether the runs of a cell say what the paper says.

The paper prints one training run. So a method's mean over seeds is held to it first, and then the
printed run to what one more run of ours would give.
"""

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from suite.stats.intervals import Outcomes, pi95_seed

Outcome = Literal["reproduced", "consistent", "differs", "not enough seeds", "not run"]

LEAST_SEEDS = 3
"""The least number of seeds: with fewer, the spread between trained models is hardly known."""
SEEDS_TO_PREDICT = 5
"""The least number of seeds to predict one more run from."""
WIDE = 5.0
"""Tables call a prediction interval wide whose half-width is more than so many margins."""
LEVEL = 0.05
"""The level of each test. `docs/verdicts.md` has how often each verdict is said by chance."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is known of the difference between a method's mean over seeds and a printed number."""

    outcome: Outcome
    difference: float | None = None
    """Ours minus the paper's, in the unit of the outcomes; None without a finite mean."""
    ci90: float | None = None
    """Half-width of the 90 % interval of the difference; None below two seeds."""
    ci95: float | None = None
    """Half-width of the 95 % interval of the difference."""
    pi95: float | None = None
    """Half-width of the 95 % prediction interval for one more run of ours; None below two seeds."""
    wide: bool = False
    """Whether the outcome is `consistent` and the prediction interval is wide; see `WIDE`."""

    @property
    def shown(self) -> bool:
        """Whether the difference of the means is shown not to be zero."""
        return (
            self.difference is not None
            and self.ci95 is not None
            and abs(self.difference) > self.ci95
        )


NOT_RUN = Verdict(outcome="not run")


def judge(
    seed_means: Outcomes, paper: float, paper_ci95: float, margin: float, *, tasks: int
) -> Verdict:
    """The verdict on a cell.

    `seed_means` holds one number a seed, `paper` is the printed number and `paper_ci95` its
    half-width over the `tasks` test tasks of one trained model, `margin` the greatest difference
    that does not matter; all are in one unit. The standard error of the difference joins that of
    the mean over our seeds and that of the paper's number over its tasks. Its quantile is Cochran's
    and Cox's, since Welch's covers too little at three seeds.

    - `reproduced`, from three seeds on: two one-sided t tests at `LEVEL` both reject a difference
      of the margin (Schuirmann 1987), that is, the 90 % interval of the difference lies within it.
    - `differs`, from three seeds on: the difference is greater than the margin and than its own
      95 % interval, and the printed run lies outside the 95 % prediction interval for one more run
      of ours. A mean that is not finite differs too.
    - `consistent`, from five seeds on: neither. The printed run may be one of ours.
    - `not enough seeds`: none of these.

    Raises `ValueError` for a margin or an interval that is not positive.
    """
    if not (margin > 0.0 and paper_ci95 > 0.0):
        raise ValueError(f"margin {margin} and paper_ci95 {paper_ci95} must be positive")
    means = np.asarray(seed_means, dtype=np.float64)  # (seed,)
    if means.size == 0:
        return NOT_RUN
    if not np.isfinite(means).all():
        return Verdict(outcome="differs")
    difference = float(means.mean()) - paper
    if means.size < 2:
        return Verdict(outcome="not enough seeds", difference=difference)
    ours, theirs = float(means.var(ddof=1)) / means.size, (paper_ci95 / 1.96) ** 2

    def width(level: float) -> float:
        quantiles = (_quantile(level, means.size - 1), _quantile(level, tasks - 1))
        quantile = float(np.average(quantiles, weights=(ours, theirs)))
        return quantile * math.sqrt(ours + theirs)

    ci90, ci95 = width(2.0 * LEVEL), width(LEVEL)
    pi95 = pi95_seed(means)
    assert pi95 is not None
    outcome: Outcome = "not enough seeds"
    if means.size >= LEAST_SEEDS:
        if abs(difference) + ci90 < margin:
            outcome = "reproduced"
        elif abs(difference) > max(pi95, ci95, margin):
            outcome = "differs"
        elif means.size >= SEEDS_TO_PREDICT:
            outcome = "consistent"
    return Verdict(
        outcome=outcome,
        difference=difference,
        ci90=ci90,
        ci95=ci95,
        pi95=pi95,
        wide=outcome == "consistent" and pi95 > WIDE * margin,
    )


@functools.cache
def _quantile(level: float, degrees: int) -> float:
    """What Student's t exceeds in absolute value with probability `level`."""
    return float(stats.t.isf(level / 2.0, degrees))
