"""Two methods on the same tasks and seeds: what pairs take away, an unpaired interval keeps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite.stats.intervals import Outcomes, ci95_seeds, ci95_tasks


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The mean of paired differences, in the unit of the outcomes, and half-widths of intervals."""

    mean: float
    ci95_seeds: float | None
    """Student's t over the seeds' mean differences; None below two seeds."""
    ci95_tasks: float
    """1.96 sd / sqrt(tasks) of the differences task by task; the median over the seeds."""
    seeds: int


def paired_difference(pairs: Sequence[tuple[Outcomes, Outcomes]]) -> Difference | None:
    """The first of each pair minus the second, task by task; one pair of rows a seed.

    Tasks that only one of the two has are left out: the first n of both are the same. None without
    a pair, or where an outcome is not finite.
    """
    differences = []
    for first, second in pairs:
        count = min(len(first), len(second))
        differences.append(np.asarray(first[:count]) - np.asarray(second[:count]))
    widths = [ci95_tasks(row) for row in differences if np.isfinite(row).all()]
    if not differences or len(widths) < len(differences):
        return None
    means = [float(row.mean()) for row in differences]
    return Difference(
        mean=float(np.mean(means)),
        ci95_seeds=ci95_seeds(means),
        ci95_tasks=float(np.median([width for width in widths if width is not None])),
        seeds=len(means),
    )
