"""One record described for a reader, and the differences of two records."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import msgspec

from suite.errors import one_line
from suite.registry import Record
from suite.report.cells import cell_of
from suite.report.numbers import outcomes, paper_number
from suite.report.tables import text
from suite.settings import get_setting
from suite.stats import ci95_tasks, paired_difference

Part = Literal["run", "setting", "environment", "result"]
Line = tuple[str, str]

_RUN = ("setting", "method", "seed", "attempt")
_SETTING = ("options", "config", "schedule", "protocol", "data")
_ENVIRONMENT = (
    "started",
    "git_commit",
    "git_dirty",
    "versions",
    "device",
    "host",
    "threads",
    "engine",
)

_CAVEATS = {
    "variant": "; this run has other values than the paper's",
    "shortened": "; this run was trained for less",
    "lengthened": "; this run was trained for longer",
}


@dataclass(frozen=True, kw_only=True)
class Differing:
    """A value in which two records differ."""

    part: Part
    name: str
    first: str
    second: str


def describe(record: Record) -> list[Line]:
    """The lines on a record: what ran, its score beside the paper's, its cost and its origin."""
    lines = [
        ("run", f"{record.setting} {record.method} seed {record.seed}, attempt {record.attempt}"),
        ("key", record.key),
        *_ran(record),
        *_outcome(record),
        *_origin(record),
    ]
    return [(one_line(name), one_line(value)) for name, value in lines]


def _ran(record: Record) -> Iterator[Line]:
    schedule, protocol = record.schedule, record.protocol
    yield "schedule", f"{schedule.name}: {schedule.iterations:,} iterations"
    parts = (
        f"{protocol.name}: {protocol.tasks:,} tasks",
        f"{protocol.k_shot}-shot, {protocol.n_query} queries a class",
        f"{protocol.steps} steps, reported after {protocol.report_step}",
    )
    yield "protocol", ", ".join(parts)
    changes = cell_of(record).changes
    if changes:
        yield "not the paper's", ", ".join(changes)
    for name, value in record.options.items():
        yield name, _shown(value)
    yield "data", f"{record.data.name}, fingerprint {record.data.fingerprint[:12]}"
    for warning in record.data.warnings:
        yield "warning", warning


def _outcome(record: Record) -> Iterator[Line]:
    yield "status", record.status
    if record.failure is not None:
        yield record.failure.exception, record.failure.message
        yield from (("", line) for line in record.failure.last_lines)
    setting = get_setting(record.setting)
    for name, metric in record.metrics.items():
        step = record.protocol.report_step
        yield name, _score(record, metric.mean, metric.ci95_tasks)
        if metric.diverged:
            yield "diverged", f"{metric.diverged:,} of {record.protocol.tasks:,} tasks"
        printed = paper_number(setting, record.method, record.protocol, step)
        if printed is not None:
            caveat = _CAVEATS.get(cell_of(record).category, "")
            shown = text.paper_cell(printed, setting)
            yield "the paper's", f"{shown} ({printed.source}){caveat}"
        means = [_score(record, mean, None) for mean in metric.by_step]
        yield "after 0, 1, ... steps", "  ".join(means)
    for name, value in record.selected.items():
        yield f"selected {name}", _shown(value)


def _score(record: Record, mean: float | None, width: float | None) -> str:
    metric = get_setting(record.setting).metric
    if mean is None:
        return "diverged"
    return metric.number(mean) if width is None else f"{metric.interval(mean, width)} over tasks"


def _origin(record: Record) -> Iterator[Line]:
    timing, where = record.timing, record.provenance
    speed = timing.iterations_per_second
    rate = "" if speed is None else f" ({speed:.4g} iterations/s)"
    yield "trained in", f"{timing.train_seconds:,.0f} s{rate}, {timing.resumes} resumes"
    yield "scored in", f"{timing.evaluate_seconds:,.0f} s"
    if timing.environment_steps:
        yield "environment steps", f"{timing.environment_steps:,} in training"
    if timing.train_joules is not None:
        yield "energy", f"{timing.train_joules / 1000:,.0f} kJ of the GPU for training"
    yield "peak memory", f"{timing.peak_memory_bytes / 2**20:,.0f} MiB"
    yield "device", f"{where.device}, {where.threads} threads, {where.engine}"
    dirty = " with changes" if where.git_dirty else ""
    unknown = f"unknown: {where.git_unknown}" if where.git_unknown else "unknown"
    yield "commit", f"{where.git_commit or unknown}{dirty}"
    yield "started", where.started
    yield "versions", ", ".join(f"{name} {value}" for name, value in where.versions.items())
    yield "command", where.command


def differing(first: Record, second: Record) -> list[Differing]:
    """Every value of identity, environment and result in which two records differ."""
    ours, theirs = _values(first), _values(second)
    return [
        Differing(
            part=part,
            name=one_line(name),
            first=one_line(ours.get(field, "")),
            second=one_line(theirs.get(field, "")),
        )
        for field in dict.fromkeys([*ours, *theirs])
        if ours.get(field) != theirs.get(field)
        for part, name in [field]
    ]


def _values(record: Record) -> dict[tuple[Part, str], str]:
    """Every value in which records can differ, as text, by its part and name."""
    content = msgspec.to_builtins(record)
    origin, timing = content["provenance"], content["timing"]
    parts: dict[Part, dict[str, Any]] = {
        "run": {name: content[name] for name in _RUN},
        "setting": {name: content[name] for name in _SETTING},
        "environment": {name: origin.get(name) for name in _ENVIRONMENT},
        "result": {"status": record.status, "selected": content["selected"]},
    }
    parts["environment"]["seeds_together"] = timing.get("seeds_together", 1)
    for name, metric in record.metrics.items():
        parts["result"][name] = _score(record, metric.mean, metric.ci95_tasks)
    return {
        (part, name): _shown(value)
        for part, values in parts.items()
        for name, value in _leaves(values)
    }


def _leaves(value: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        if isinstance(each, dict):
            yield from _leaves(each, f"{before}{name}.")
        else:
            yield before + name, each


def difference(first: Record, second: Record) -> str | None:
    """The score of `second` minus that of `first`, with the interval over tasks, in words.

    Where both had the same test tasks, the difference is taken task by task. It is None where the
    two cannot be compared.
    """
    metric = get_setting(first.setting).metric
    both = (second, first)
    if first.setting != second.setting or any(metric.name not in each.metrics for each in both):
        return None
    scores = [outcomes(each, metric.name, each.protocol.report_step) for each in both]
    if _test_tasks(first) == _test_tasks(second):
        how = "task by task"
        paired = paired_difference([(scores[0], scores[1])])
        found = None if paired is None else (paired.mean, paired.ci95_tasks)
    else:
        how = "over other tasks"
        found = _unpaired(*scores)
    if found is None:
        return "diverged"
    decimals = metric.digits(found[0])
    mean = metric.number(found[0], decimals, sign="+")
    return f"{mean} ± {metric.number(found[1], decimals)}, {how}"


def _test_tasks(record: Record) -> tuple[object, ...]:
    """The values that the test tasks depend on: where two runs share them, they share all tasks."""
    config, protocol = record.config, record.protocol
    split = record.data.split
    return (
        record.seed,
        record.data.fingerprint,
        split,
        config.n_way,
        config.rotations,
        protocol.k_shot,
        protocol.tasks,
    )


def _unpaired(first: list[float], second: list[float]) -> tuple[float, float] | None:
    widths = [ci95_tasks(each) for each in (first, second)]
    if not all(map(math.isfinite, (*first, *second))) or None in widths:
        return None
    return fmean(first) - fmean(second), math.hypot(*(width or 0.0 for width in widths))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
