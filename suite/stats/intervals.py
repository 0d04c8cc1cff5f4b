"""Half-widths of 95 % intervals.

The two answer different questions and are never added up: `ci95_tasks` says how well the test tasks
pin down the score of one trained model, `ci95_seeds` how much the score of a method moves from one
training run to the next.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Outcomes = Sequence[float] | npt.NDArray[np.floating[Any]]


def ci95_tasks(outcomes: Outcomes) -> float | None:
    """Half-width of the paper's interval for the mean over test tasks of one trained model.

    `outcomes` holds one number a task; the result is in their unit. It is 1.96 times the population
    standard deviation (dividing by n) over the square root of n, as the authors' main.py computes
    it. None where a task's outcome is not finite; `ValueError` where there is none.
    """
    values = _flat(outcomes)  # (task,)
    if values.size == 0:
        raise ValueError("ci95_tasks needs the outcome of at least one task")
    return _finite(1.96, values, ddof=0)


def ci95_seeds(seed_means: Outcomes) -> float | None:
    """Half-width of Student's t interval for a method's mean over training seeds.

    `seed_means` holds one number a seed, each the mean over that run's test tasks; the result is in
    their unit. The population is all seeds that could have been drawn. None for fewer than two
    seeds, and where a seed's mean is not finite.
    """
    values = _flat(seed_means)  # (seed,)
    if values.size < 2:
        return None
    return _finite(_quantile(values.size - 1), values, ddof=1)


def pi95_seed(seed_means: Outcomes) -> float | None:
    """Half-width of Student's 95 % prediction interval for the mean of one more training seed.

    About the mean of `seed_means`, which holds one number a seed, in their unit: the interval holds
    the next seed's mean in 95 % of experiments where seeds are normal. None as for `ci95_seeds`.
    """
    width = ci95_seeds(seed_means)
    return None if width is None else width * math.sqrt(1.0 + len(seed_means))


@functools.cache
def _quantile(degrees: int) -> float:
    return float(stats.t.ppf(0.975, degrees))


def _flat(values: Outcomes) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"expected one dimension, got shape {array.shape}")
    return array


def _finite(factor: float, values: npt.NDArray[np.float64], *, ddof: int) -> float | None:
    if not np.isfinite(values).all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        width = factor * float(values.std(ddof=ddof)) / math.sqrt(values.size)
    return width if math.isfinite(width) else None
