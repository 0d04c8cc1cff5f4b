"""Footnotes and the lines beneath a table: deviations, choices, failures."""

import json
from collections.abc import Iterable, Sequence

from suite.escape import code, markdown
from suite.registry import Record
from suite.report.cells import Cell
from suite.report.tables.text import link
from suite.settings import Setting
from suite.settings.footnotes import FOOTNOTES, Footnote

Numbering = dict[str, int]
"""The numbers of footnotes by their keys, in the order of first use in a section."""


def mark(numbering: Numbering, setting: Setting, method: str, cell: Cell | None) -> str:
    """The footnote marks of a row whose runs are `cell`; new footnotes are added to `numbering`.

    Where `cell` is None, there are only the footnotes on the printed number.
    """
    keys = [key for key in setting.footnotes if _is_due(FOOTNOTES[key], method, cell)]
    numbers = [numbering.setdefault(key, len(numbering) + 1) for key in keys]
    return f" <sup>{' '.join(str(number) for number in sorted(numbers))}</sup>" if numbers else ""


def _is_due(note: Footnote, method: str, cell: Cell | None) -> bool:
    if note.methods and method not in note.methods:
        return False
    if cell is None:
        return note.on_the_paper
    if {change.partition("=")[0] for change in cell.changes} & set(note.explains):
        return False
    return not note.of_k_queries or cell.protocol.n_query == cell.protocol.k_shot


def footnotes(numbering: Numbering) -> list[str]:
    """The text of the footnotes used, one line each."""
    return [f"<sup>{number}</sup> {FOOTNOTES[key].text}  " for key, number in numbering.items()]


def method_label(cell: Cell, cells: Iterable[Cell]) -> str:
    """The method, and what distinguishes the cell from others of the same setting and method."""
    siblings = [
        other
        for other in cells
        if (other.setting.id, other.method) == (cell.setting.id, cell.method)
    ]
    parts = [markdown(cell.method)]
    if any(_options_differ(cell, other) for other in siblings):
        parts.append(f"options {code(json.dumps(cell.options, sort_keys=True))}")
    data = cell.records[0].data
    if any(other.records[0].data.fingerprint != data.fingerprint for other in siblings):
        parts.append(f"data {code(data.fingerprint[:8])}")
    counts = data.split and data.split.counts
    splits = [other.records[0].data.split for other in siblings]
    if any((split and split.counts) != counts for split in splits):
        parts.append(f"split {counts}")
    return ", ".join(parts)


def _options_differ(cell: Cell, other: Cell) -> bool:
    """Whether the two differ in an option that the changes of neither name."""
    named = {*cell.changed_options, *other.changed_options}
    names = (cell.options.keys() | other.options.keys()) - named
    return any(cell.options.get(name) != other.options.get(name) for name in names)


def choices(cells: Sequence[Cell]) -> list[str]:
    """Lines on the options of the methods of `cells`, and on their choices on validation tasks."""
    lines: list[str] = []
    for cell in cells:
        names = sorted({name for record in cell.records for name in record.selected})
        chosen = [
            f"{code(name)} = {', '.join(_chosen(record, name) for record in cell.records)}"
            for name in names
        ]
        if chosen:
            seeds = ", ".join(str(record.seed) for record in cell.records)
            lines.append(
                f"- {markdown(f'{cell.method}, {cell.protocol.name}')}: "
                f"chosen on validation tasks, for seeds {seeds}: {'; '.join(chosen)}"
            )
        options = (
            f"- {markdown(cell.method)}: options {code(json.dumps(cell.options, sort_keys=True))}"
        )
        if cell.options and options not in lines:
            lines.append(options)
    return lines


def exclusions(
    failed: Sequence[Record], repeated: Sequence[Record], results_link: str
) -> list[str]:
    """Lines on the runs of a section that no table counts."""
    lines = []
    if failed:
        runs = ", ".join(_failure(record, results_link) for record in failed)
        lines.append(f"- {_count(len(failed), 'failed run')}, not counted: {runs}")
    if repeated:
        runs = ", ".join(_named(record, results_link) for record in repeated)
        lines.append(f"- {_count(len(repeated), 'rerun')} of a seed that is counted once: {runs}")
    return lines


def outdated(cells: Iterable[Cell]) -> list[str]:
    """A line on the runs that older code trained or scored."""
    runs = sum(len(cell.records) for cell in cells if cell.outdated)
    if not runs:
        return []
    return [
        f"- {_count(runs, 'run')} by an older version of the training or scoring code "
        "(`training.version`, `protocol.version`) stand beside today's, not in their place"
    ]


def warnings(cells: Iterable[Cell]) -> list[str]:
    """Lines on the warnings about the data sets of the counted runs."""
    runs: dict[str, int] = {}
    for record in (record for cell in cells for record in cell.records):
        for warning in record.data.warnings:
            runs[warning] = runs.get(warning, 0) + 1
    return [f"- data of {_count(runs[text], 'run')}: {markdown(text)}" for text in sorted(runs)]


def _chosen(record: Record, name: str) -> str:
    return f"{record.selected[name]:g}" if name in record.selected else "–"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _named(record: Record, results_link: str) -> str:
    attempt = f" attempt {record.attempt}" if record.attempt else ""
    label = f"{record.setting} {record.method} seed {record.seed}{attempt}"
    return link(record, label, results_link)


def _failure(record: Record, results_link: str) -> str:
    reason = f" ({markdown(record.failure.exception)})" if record.failure else ""
    return _named(record, results_link) + reason
