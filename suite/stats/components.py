"""How much of the spread of scores comes from the training seed, and how much from the task."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite.stats.intervals import Outcomes


@dataclass(frozen=True, kw_only=True)
class Components:
    """Standard deviations in the unit of the outcomes."""

    seed: float
    """Between trained models, had each been scored on all tasks that there are."""
    task: float
    """Between the test tasks of one trained model."""


def variance_components(runs: Sequence[Outcomes]) -> Components | None:
    """The two components of a nested design, from one row of task outcomes a seed.

    Each seed draws its own tasks. The estimate is that of a one-way analysis of variance (moments;
    Searle, Casella, McCulloch, Variance Components, 1992, chapter 3): the variance of the seeds'
    means less what their tasks contribute to it, and never below zero. None for fewer than two
    seeds, fewer than two tasks, or where an outcome is not finite.
    """
    rows = [np.asarray(run, dtype=np.float64) for run in runs]  # (task,) each
    if len(rows) < 2 or min(row.size for row in rows) < 2:
        return None
    if not all(np.isfinite(row).all() for row in rows):
        return None
    within = float(np.mean([row.var(ddof=1) for row in rows]))
    between = float(np.var([row.mean() for row in rows], ddof=1))
    from_tasks = float(np.mean([within / row.size for row in rows]))
    return Components(seed=math.sqrt(max(0.0, between - from_tasks)), task=math.sqrt(within))
