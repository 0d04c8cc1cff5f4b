"""Which trainings the published numbers still lack."""

from collections.abc import Iterable
from itertools import count, islice

from suite.launch.plans import DEFAULT_SEEDS, Job
from suite.report.verdicts import Judged
from suite.stats.verdicts import LEAST_SEEDS


def missing_jobs(rows: Iterable[Judged]) -> list[Job]:
    """One job a setting and method, with the lowest seeds that make each of its numbers five.

    A training serves all numbers of its method: they differ in protocol and step only.
    """
    lacking: dict[tuple[str, str], set[int]] = {}
    for row in rows:
        wanting = max(0, len(DEFAULT_SEEDS) - len(row.seeds))
        absent = (seed for seed in count() if seed not in row.seeds)
        training = (row.setting.id, row.printed.method)
        lacking.setdefault(training, set()).update(islice(absent, wanting))
    return [
        Job(setting=setting, method=method, seeds=tuple(sorted(seeds)), iterations=None)
        for (setting, method), seeds in lacking.items()
        if seeds
    ]


def unjudged_jobs(rows: Iterable[Judged]) -> list[Job]:
    """The same of the numbers alone that have too few seeds for a verdict."""
    return missing_jobs(row for row in rows if len(row.seeds) < LEAST_SEEDS)
