"""Statistics of results: arrays in, numbers out; each names its unit and its population."""

from suite.stats.intervals import ci95_seeds, ci95_tasks

__all__ = ["ci95_seeds", "ci95_tasks"]
