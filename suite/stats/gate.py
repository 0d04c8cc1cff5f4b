"""Whether scores have moved since a reference was recorded: a test and a practical margin."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from suite.stats.intervals import Outcomes

Move = Literal["passed", "fell", "rose"]

LEVEL = 0.01
"""The level of each one-sided test."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A method's scores now against those of the reference."""

    status: Move
    difference: float
    """Now minus the reference, in the unit of the scores."""
    p: float
    """The p-value of Welch's one-sided test in the direction of the difference."""


def compare(
    now: Outcomes, reference: Outcomes, margin: float, *, higher_is_better: bool
) -> Comparison:
    """Compare today's means with those of the reference; both hold one number a seed.

    `fell` where the mean is worse by more than `margin`, in the unit of the scores, and Welch's
    one-sided t test at `LEVEL` rejects that it is not worse. `rose` is the same upwards: a score
    that is too good to be true has often seen the answers. A mean that is not finite is worse than
    any that is. Raises `ValueError` where either has fewer than two seeds.
    """
    ours, theirs = np.asarray(now, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if min(ours.size, theirs.size) < 2:
        raise ValueError(f"two seeds each are needed, not {ours.size} and {theirs.size}")
    if not np.isfinite(theirs).all():
        raise ValueError("the reference has a mean that is not finite")
    if not np.isfinite(ours).all():
        return Comparison(status="fell", difference=math.nan, p=0.0)
    difference = float(ours.mean() - theirs.mean())
    p = _welch(ours, theirs, difference)
    status: Move = "passed"
    if abs(difference) > margin and p < LEVEL:
        status = "rose" if (difference > 0.0) == higher_is_better else "fell"
    return Comparison(status=status, difference=difference, p=p)


def _welch(ours: np.ndarray, theirs: np.ndarray, difference: float) -> float:
    spreads = [float(each.std(ddof=1)) for each in (ours, theirs)]
    if spreads == [0.0, 0.0]:
        return 1.0 if difference == 0.0 else 0.0
    side: Literal["greater", "less"] = "greater" if difference > 0.0 else "less"
    # From the moments: given the scores, scipy warns where all of them are nearly equal.
    first, second = (ours.mean(), spreads[0], ours.size), (theirs.mean(), spreads[1], theirs.size)
    found = stats.ttest_ind_from_stats(*first, *second, equal_var=False, alternative=side)
    return float(found.pvalue)
