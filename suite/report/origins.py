"""Where the runs come from: commits, devices, software and hours."""

from collections.abc import Sequence
from dataclasses import dataclass

from suite.registry import Record
from suite.report.cells import kilowatt_hours, train_hours
from suite.report.tables.text import NOTHING

NO_RECORDS = "There are no records yet."


@dataclass(frozen=True, kw_only=True)
class Origins:
    """One of the tables of origins."""

    headers: tuple[str, ...]
    rows: list[list[str]]


def sentence(records: Sequence[Record]) -> str:
    """One sentence about `records`, of which there must be one at least."""
    failed = sum(record.status == "failed" for record in records)
    days = sorted(record.provenance.started[:10] for record in records)
    return (
        f"{len(records)} records ({failed} of them failed), started between {days[0]} and "
        f"{days[-1]}, {train_hours(records):.1f} hours of training and scoring in all."
    )


def origins(records: Sequence[Record]) -> list[Origins]:
    """The tables: by commit, by device, and the versions of the software."""
    return [
        _grouped("commit", records, [_marked(record) for record in records]),
        _grouped("device", records, [record.provenance.device for record in records]),
        _versions(records),
    ]


def commit(record: Record) -> str:
    """The commit that ran, in as many digits as are shown."""
    return (record.provenance.git_commit or "unknown")[:12]


def _marked(record: Record) -> str:
    if record.provenance.git_commit is None:
        return "unknown"
    changed = " with local changes" if record.provenance.git_dirty else ""
    return f"`{commit(record)}`{changed}"


def _grouped(header: str, records: Sequence[Record], names: Sequence[str]) -> Origins:
    groups: dict[str, list[Record]] = {}
    for name, record in zip(names, records, strict=True):
        groups.setdefault(name, []).append(record)
    energy = {name: kilowatt_hours(group) for name, group in groups.items()}
    measured = any(energy.values())
    headers, rows = [header, "records", "hours"], []
    for name in sorted(groups):
        rows.append([name, str(len(groups[name])), f"{train_hours(groups[name]):.1f}"])
        if measured:
            rows[-1].append(f"{energy[name]:.2f}" if energy[name] else NOTHING)
    if measured:
        headers.append("kWh, of GPUs")
    return Origins(headers=tuple(headers), rows=rows)


def _versions(records: Sequence[Record]) -> Origins:
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.provenance.versions.items():
            found.setdefault(name, set()).add(version)
    rows = [[name, ", ".join(sorted(found[name]))] for name in sorted(found)]
    return Origins(headers=("software", "versions"), rows=rows)
