"""Footnotes and the lines beneath a table: deviations, choices, failures."""

import json
from collections.abc import Iterable, Sequence

from suite.escape import code, markdown
from suite.registry import Record
from suite.report.cells import Cell
from suite.report.tables.text import link
from suite.settings import Setting
from suite.settings.footnotes import FOOTNOTES

Numbering = dict[str, int]
"""Key of a footnote to its number, in the order of first use in a section."""

_META = ("maml", "fomaml")
_ON_IMAGES = ("fine-tuning", "nearest-neighbour", "pretraining")
_ONLY_FOR = {
    **dict.fromkeys(("loss-scale", "batch-norm", "fresh-tasks", "omniglot-steps"), _META),
    **dict.fromkeys(("mini-clip", "mini-batch", "sinusoid-lr"), _META),
    **dict.fromkeys(("baselines", "baselines-omniglot"), _ON_IMAGES),
    "fine-tuning": ("fine-tuning",),
    "nearest-neighbour": ("nearest-neighbour",),
    "linear-head": ("pretraining",),
    "fomaml-omniglot": ("fomaml",),
    "sinusoid-pretraining": ("pretraining", "random-init"),
    "sinusoid-oracle": ("oracle",),
    "rl-pretraining": ("pretraining",),
    "rl-random": ("random-init",),
}
_ON_THE_PAPER = frozenset({"fomaml-omniglot"})
"""Footnotes on the printed number, which are due where nothing was run, too."""

_EXPLAINS = {
    "loss-scale": ("loss_scale", "inner_lr"),
    "batch-norm": ("batch_norm", "adapt_beta", "protocol.batch_norm"),
    "k-queries": ("protocol.n_query", "protocol.tasks"),
    "rotations": ("rotations",),
    "omniglot-steps": ("protocol.report_step",),
    "mini-clip": ("meta_grad_clip",),
    "mini-batch": ("tasks_per_batch",),
    "sinusoid-lr": ("inner_lr",),
    "rl-fisher": ("fisher_tasks", "fisher_every"),
    "rl-goals": ("protocol.version",),
}
"""The values that a footnote explains: it does not hold for a variant that changes one."""


def mark(numbering: Numbering, setting: Setting, method: str, cell: Cell | None) -> str:
    """The footnote marks of a row, `cell` being its runs; new ones are added to `numbering`."""
    changed = {change.partition("=")[0] for change in cell.changes} if cell else set()
    keys = [
        key
        for key in setting.footnotes
        if method in _ONLY_FOR.get(key, (method,))
        and (cell or key in _ON_THE_PAPER)
        and not changed.intersection(_EXPLAINS.get(key, ()))
        and not (key == "k-queries" and cell and cell.protocol.n_query != cell.protocol.k_shot)
    ]
    numbers = [numbering.setdefault(key, len(numbering) + 1) for key in keys]
    return f" <sup>{' '.join(str(number) for number in sorted(numbers))}</sup>" if numbers else ""


def footnotes(numbering: Numbering) -> list[str]:
    """The text of the footnotes used, one line each."""
    return [f"<sup>{number}</sup> {FOOTNOTES[key]}  " for key, number in numbering.items()]


def method_label(cell: Cell, cells: Iterable[Cell]) -> str:
    """The method, with what tells it from other cells of the same setting and method."""
    siblings = [
        other
        for other in cells
        if (other.setting.id, other.method) == (cell.setting.id, cell.method)
    ]
    parts = [markdown(cell.method)]
    if any(other.options != cell.options for other in siblings):
        parts.append(f"options {code(json.dumps(cell.options, sort_keys=True))}")
    data = cell.records[0].data
    if any(other.records[0].data.fingerprint != data.fingerprint for other in siblings):
        parts.append(f"data {code(data.fingerprint[:8])}")
    counts = data.split and data.split.counts
    splits = [other.records[0].data.split for other in siblings]
    if any((split and split.counts) != counts for split in splits):
        parts.append(f"split {counts}")
    return ", ".join(parts)


def choices(cells: Sequence[Cell]) -> list[str]:
    """What the methods of `cells` were given as options, and chose on validation tasks."""
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
    """What the data sets of the counted runs were warned about."""
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
