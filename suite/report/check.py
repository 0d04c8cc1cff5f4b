"""The gate: today's records against the references of the last release."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import msgspec

from suite.registry.references import Reference, References
from suite.report.cells import Cell, cell_key
from suite.report.tables import text
from suite.report.verdicts import Judged
from suite.settings import get_setting
from suite.settings.metrics import Metric
from suite.stats import Comparison, Spread, compare, noticed

CheckStatus = Literal["passed", "failed", "missing", "left out"]

PASSED, REGRESSED, UNKNOWN = 0, 1, 2
_MOVES = {
    "fell": "fell",
    "rose": "rose (too good to be true? else renew the reference)",
    "changed": "changed: seeds moved both ways, far more than rounding moves them (if that was "
    "meant, renew the reference)",
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the gate."""

    name: str
    status: CheckStatus
    detail: str


def check_runs(
    references: References, cells: Iterable[Cell], without: Collection[str] = ()
) -> list[Check]:
    """A line for each reference, against the runs of its cell; data sets in `without` are left out.

    These runs are of the same setting, method, configuration, schedule and protocol.
    """
    found = {cell_key(cell.records[0]): cell for cell in cells}
    tests = len(references.gate)
    return [_check(each, found.get(each.cell), tests, without) for each in references.gate]


def _check(reference: Reference, cell: Cell | None, tests: int, without: Collection[str]) -> Check:
    if get_setting(reference.setting).config.dataset in without:
        name, detail = _name(reference), "its data set is not here"
        return Check(name=name, status="left out", detail=detail)
    return check_scores(reference, seed_scores(cell), tests)


def _name(reference: Reference) -> str:
    return f"{reference.setting} {reference.method} {reference.protocol}"


def check_scores(reference: Reference, scores: Mapping[int, float], tests: int) -> Check:
    """The line for one reference of `tests` in all: `scores`, by seed, against its own."""
    name, metric = _name(reference), get_setting(reference.setting).metric
    if absent := sorted(reference.means.keys() - scores.keys()):
        detail = f"seeds not here: {' '.join(map(str, absent))}; run suite check --run"
        return Check(name=name, status="missing", detail=detail)
    before = reference.means.values()
    compared = compared_with(reference, scores, tests)
    least = noticed(reference.spread, seeds=len(before), tests=tests)
    was = f"{metric.number(fmean(before))}{metric.unit}"
    detail = (
        f"{moved(metric, compared)} from {was}, seed by seed "
        f"over {len(before)}; worse by {metric.number(least, difference_digits(metric))} is noticed"
    )
    if compared.status == "passed":
        return Check(name=name, status="passed", detail=detail)
    return Check(name=name, status="failed", detail=f"{_MOVES[compared.status]}: {detail}")


def compared_with(reference: Reference, scores: Mapping[int, float], tests: int) -> Comparison:
    """`scores`, by seed, against those of the reference, over the seeds that both have."""
    seeds = [seed for seed in reference.means if seed in scores]
    return compare(
        [scores[seed] for seed in seeds],
        [reference.means[seed] for seed in seeds],
        Spread(value=reference.spread, runs=reference.spread_runs),
        tests=tests,
        higher_is_better=get_setting(reference.setting).metric.higher_is_better,
    )


def moved(metric: Metric, compared: Comparison) -> str:
    """The mean paired difference with its interval, in words."""
    if not math.isfinite(compared.difference):
        return "no longer finite,"
    digits = difference_digits(metric)
    return (
        f"{metric.number(compared.difference, digits, sign='+')} "
        f"± {metric.number(compared.ci95, digits)}"
    )


def difference_digits(metric: Metric) -> int:
    """The decimals of the gate's differences, which are smaller than those in the tables."""
    return 3 if metric.decimals is None else metric.decimals + 1


def seed_scores(cell: Cell | None) -> dict[int, float]:
    """The mean over test tasks of each seed; infinite where a task diverged."""
    scores = {}
    for record in cell.records if cell else ():
        mean = record.metrics[cell.setting.metric.name].mean if cell else None
        scores[record.seed] = math.inf if mean is None else mean
    return scores


def check_verdicts(references: References, rows: Iterable[Judged]) -> list[Check]:
    """A line for each published number that had runs: its verdict then against today's."""
    now = {row.name: row.verdict.outcome for row in rows}
    checks = []
    for name, before in references.verdicts.items():
        outcome = now.get(name, "not run")
        status: CheckStatus = "passed"
        if before != "not run" and outcome == "not run":
            status = "missing"
        elif before == "reproduced" != outcome:
            status = "failed"
        if before != "not run":
            checks.append(Check(name=name, status=status, detail=f"{outcome}, was {before}"))
    return checks


def check_versions(cells: Iterable[Cell]) -> list[Check]:
    """A line that counts the runs which older code trained or scored, and no verdict counts."""
    runs = sum(len(cell.records) for cell in cells if cell.outdated)
    detail = f"{runs} of an older version of the training or scoring code: no verdict counts them"
    return [Check(name="records", status="left out", detail=detail)] if runs else []


def check_history(altered: Mapping[str, str]) -> list[Check]:
    """A line for each record in `altered`, which has its file and what was done to that."""
    return [
        Check(
            name=f"record {path}",
            status="failed",
            detail=f"{what} since it was committed; bring it back, and give a new run its own key",
        )
        for path, what in altered.items()
    ]


def check_unfinished(done: Iterable[str]) -> list[Check]:
    """A line for each file in `done`, the packs of trainings that have a record by now."""
    detail = "a record of its training stands; remove it with: suite pack --unfinished"
    return [Check(name=f"unfinished {name}", status="left out", detail=detail) for name in done]


def exit_code(checks: Sequence[Check]) -> int:
    """The exit code: 1 where a check failed; 2 where one is missing, or none passed; else 0."""
    found = {check.status for check in checks}
    if "failed" in found:
        return REGRESSED
    return UNKNOWN if "missing" in found or "passed" not in found else PASSED


def as_table(checks: Sequence[Check]) -> str:
    """The lines for a person to read."""
    rows = [[check.status, check.name, check.detail] for check in checks]
    return text.table(["", "what", "how"], rows)


def as_json(checks: Sequence[Check]) -> str:
    """The exit code and the lines as JSON, for a program."""
    lines = [vars(check) for check in checks]
    content = {"exit_code": exit_code(checks), "checks": lines}
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def annotations(checks: Sequence[Check]) -> list[str]:
    """The failed checks as workflow commands, which GitHub shows beside the commit."""
    kinds = {"failed": "error", "missing": "warning"}
    return [
        f"::{kinds[check.status]} title=accuracy of {check.name}::{check.detail}"
        for check in checks
        if check.status in kinds
    ]
