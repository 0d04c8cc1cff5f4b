"""Which trainings the published numbers still lack."""

from collections.abc import Iterable

from suite.launch.plans import DEFAULT_SEEDS, Job
from suite.report.verdicts import Judged


def missing_jobs(rows: Iterable[Judged]) -> list[Job]:
    """One job a setting and method, with the seeds that any of its numbers lacks, in their order.

    A training serves all numbers of its method: they differ in protocol and step only.
    """
    lacking: dict[tuple[str, str], set[int]] = {}
    for row in rows:
        place = (row.setting.id, row.printed.method)
        lacking.setdefault(place, set()).update(set(DEFAULT_SEEDS).difference(row.seeds))
    return [
        Job(setting=setting, method=method, seeds=tuple(sorted(seeds)), iterations=None)
        for (setting, method), seeds in lacking.items()
        if seeds
    ]
