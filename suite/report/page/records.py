"""All records as columns of compact JSON, for the table that the page's script makes of them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import msgspec

from suite.errors import one_line
from suite.escape import link
from suite.registry import Record, Registry
from suite.report.cells import Contents
from suite.report.origins import commit
from suite.report.tables import text
from suite.settings import SETTINGS

_FAILURE_LENGTH = 240
"""The characters of a failure message that are shown; the record's file has the rest."""


def records_json(contents: Contents, results_link: str) -> str:
    """The records as JSON that may stand within a `script` element, since no `<` is in it.

    `base` is the link to the registry. Each column has its `values`, or its distinct `names` and,
    as `at`, the index of each row's name.
    """
    records = contents.records
    kinds = _kinds(contents)
    repeated = {(record.key, record.attempt) for record in contents.repeated}
    registry = Registry(Path())
    paths = [registry.path(record) for record in records]
    columns = [
        _column("record", [path.name for path in paths]),
        _column("folder", [link(path.parent) for path in paths], hidden=True),
        _column("setting", [record.setting for record in records]),
        _column("method", [record.method for record in records]),
        _column("protocol", [record.protocol.name for record in records]),
        _column("seed", [record.seed for record in records], number=True),
        _column("iterations", [f"{each.schedule.iterations:,}" for each in records], number=True),
        _column("kind", [kinds[record.key, record.attempt] for record in records]),
        _column("score ± over tasks", [_score(record) for record in records], number=True),
        _column("status", [_status(record, repeated) for record in records]),
        _column("failure", [_failure(record) for record in records]),
        _column("hours", [_hours(record) for record in records], number=True),
        _column("device", [record.provenance.device for record in records]),
        _column("commit", [commit(record) for record in records]),
        _column("started", [record.provenance.started[:10] for record in records]),
    ]
    if not any(record.failure for record in records):
        columns = [column for column in columns if column["name"] != "failure"]
    base = f"{link(PurePath(results_link))}/"
    data = msgspec.json.encode({"base": base, "count": len(records), "columns": columns})
    return data.decode().replace("<", "\\u003c")


def _column(name: str, found: Sequence[str | int], **flags: bool) -> dict[str, Any]:
    """A column, with each distinct name once where that is shorter."""
    values = [one_line(each) if isinstance(each, str) else each for each in found]
    names = list(dict.fromkeys(values))
    if len(names) > len(values) // 2:
        return {"name": name, "values": values, **flags}
    indices = {value: at for at, value in enumerate(names)}
    return {"name": name, "names": names, "at": [indices[value] for value in values], **flags}


def _kinds(contents: Contents) -> Mapping[tuple[str, int], str]:
    """The category of each run in the tables, else its schedule's name, by key and attempt."""
    kinds: dict[tuple[str, int], str] = {
        (each.key, each.attempt): each.schedule.name for each in contents.records
    }
    for cell in contents.cells:
        kinds |= dict.fromkeys(_names(cell.records), cell.category)
    return kinds


def _names(records: Iterable[Record]) -> list[tuple[str, int]]:
    return [(record.key, record.attempt) for record in records]


def _status(record: Record, repeated: set[tuple[str, int]]) -> str:
    if (record.key, record.attempt) in repeated:
        return "rerun, not counted"
    return record.status


def _score(record: Record) -> str:
    setting = SETTINGS.get(record.setting)
    result = record.metrics.get(setting.metric.name) if setting else None
    if setting is None or result is None:
        return text.NOTHING
    if result.mean is None:
        return f"diverged on {result.diverged:,} of {record.protocol.tasks:,} tasks"
    return setting.metric.interval(result.mean, result.ci95_tasks) + setting.metric.unit


def _failure(record: Record) -> str:
    if record.failure is None:
        return ""
    return f"{record.failure.exception}: {record.failure.message}"[:_FAILURE_LENGTH]


def _hours(record: Record) -> str:
    return f"{(record.timing.train_seconds + record.timing.evaluate_seconds) / 3600:.2f}"
