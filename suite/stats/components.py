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


def variance_components(runs: Sequence[Outcomes], *, same_tasks: bool) -> Components | None:
    """The two components, from one row of task outcomes a seed.

    The estimate is that of an analysis of variance (moments; Searle, Casella, McCulloch, Variance
    Components, 1992, chapters 3 and 4): the variance of the seeds' means less what their tasks
    contribute to it, and never below zero. Where each seed draws its own tasks, the tasks are
    nested in it; with the `same_tasks` for all, in the same order, the two are crossed, and what a
    task adds to every seed alike is no difference between seeds. None for fewer than two seeds,
    fewer than two tasks, or where an outcome is not finite.
    """
    rows = [np.asarray(run, dtype=np.float64) for run in runs]  # (task,) each
    if len(rows) < 2 or min(row.size for row in rows) < 2:
        return None
    if not all(np.isfinite(row).all() for row in rows):
        return None
    within = float(np.mean([row.var(ddof=1) for row in rows]))
    between = float(np.var([row.mean() for row in rows], ddof=1))
    noise = _residual(np.stack(rows)) if same_tasks else within
    from_tasks = float(np.mean([noise / row.size for row in rows]))
    return Components(seed=math.sqrt(max(0.0, between - from_tasks)), task=math.sqrt(within))


def _residual(values: np.ndarray) -> float:
    """The mean square of what neither seed nor task explains in `values`, (seed, task)."""
    seeds, tasks = values.shape
    rest: np.ndarray = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    return float((rest**2).sum() / ((seeds - 1) * (tasks - 1)))
