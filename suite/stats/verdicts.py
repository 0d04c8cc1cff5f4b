"""Whether the runs of a cell say what the paper says: equivalence first, difference second."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from suite.stats.intervals import Outcomes

Outcome = Literal["reproduced", "differs", "not enough seeds", "not run"]

LEAST_SEEDS = 3
"""With fewer, the spread between trained models is hardly known."""
LEVEL = 0.05
"""Of each test: how often `differs` is said of a cell where nothing differs, and how often
`reproduced` of one whose true difference is the margin."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is known of the difference between a method's mean over seeds and a printed number."""

    outcome: Outcome
    difference: float | None = None
    """Ours minus the paper's, in the unit of the outcomes; None without a finite mean."""
    ci90: float | None = None
    """Half-width of the 90 % interval of the difference; None below two seeds."""
    ci95: float | None = None
    """Of the 95 % interval."""


NOT_RUN = Verdict(outcome="not run")


def judge(
    seed_means: Outcomes, paper: float, paper_ci95: float, margin: float, *, tasks: int
) -> Verdict:
    """The verdict on a cell.

    `seed_means` holds one number a seed, `paper` is the printed number and `paper_ci95` its
    half-width over the `tasks` test tasks of one trained model, `margin` the greatest difference
    that is of no matter; all are in one unit. The standard error of the difference joins that of
    the mean over our seeds and that of the paper's number over its tasks; the quantile is Cochran's
    and Cox's, since Welch's covers too little at three seeds. What the choice of the paper's own
    seed adds nobody knows: it is one run.

    `reproduced` where two one-sided t tests at `LEVEL` both reject a difference of the margin
    (Schuirmann 1987), that is where the 90 % interval lies within it; else `differs` where the 95 %
    interval excludes zero; else `not enough seeds`. A mean that is not finite `differs`. Raises
    `ValueError` for a margin or an interval that is not positive.
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
        quantiles = (stats.t.isf(level / 2.0, means.size - 1), stats.t.isf(level / 2.0, tasks - 1))
        quantile = float(np.average(quantiles, weights=(ours, theirs)))
        return quantile * math.sqrt(ours + theirs)

    ci90, ci95 = width(2.0 * LEVEL), width(LEVEL)
    outcome: Outcome = "not enough seeds"
    if means.size >= LEAST_SEEDS:
        if abs(difference) + ci90 < margin:
            outcome = "reproduced"
        elif abs(difference) > ci95:
            outcome = "differs"
    return Verdict(outcome=outcome, difference=difference, ci90=ci90, ci95=ci95)
