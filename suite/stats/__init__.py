"""Statistics of results: arrays in, numbers out; each names its unit and its population."""

from suite.stats.components import Components, variance_components
from suite.stats.gate import Comparison, Spread, compare, noticed
from suite.stats.intervals import Outcomes, ci95_seeds, ci95_tasks, pi95_seed
from suite.stats.paired import Difference, paired_difference
from suite.stats.verdicts import NOT_RUN, Verdict, judge

__all__ = [
    "NOT_RUN",
    "Comparison",
    "Components",
    "Difference",
    "Outcomes",
    "Spread",
    "Verdict",
    "ci95_seeds",
    "ci95_tasks",
    "compare",
    "judge",
    "noticed",
    "paired_difference",
    "pi95_seed",
    "variance_components",
]
