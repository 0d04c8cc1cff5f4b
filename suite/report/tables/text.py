"""The cells of tables as text: numbers, links, and tables of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tabulate import tabulate

from suite import escape
from suite.escape import markdown
from suite.registry import Record, Registry
from suite.registry.published import path_of_weights
from suite.report.cells import Cell
from suite.report.numbers import Summary
from suite.settings import PaperNumber, Setting

NOT_RUN = "not run"
NOTHING = "–"


def paper_cell(printed: PaperNumber | None, setting: Setting) -> str:
    """The paper's number, with as many digits as it prints."""
    if printed is None:
        return NOTHING
    metric = setting.metric
    if printed.ci95_tasks is None:
        return metric.number(printed.value, metric.paper_decimals)
    return metric.interval(printed.value, printed.ci95_tasks, metric.paper_decimals)


def our_cell(summary: Summary | None, setting: Setting) -> str:
    """Our mean and its interval over seeds, and the median where few tasks make up the mean."""
    if summary is None:
        return NOTHING
    parts = []
    if summary.mean is not None:
        parts.append(setting.metric.interval(summary.mean, summary.ci95_seeds))
    if summary.diverged:
        parts.append(f"diverged on {summary.diverged:,} of {summary.tasks:,} tasks")
    if summary.heavy_tailed:
        middle = summary.median
        shown = "infinite" if middle is None else setting.metric.number(middle)
        parts.append(f"median {shown}")
    return "; ".join(parts)


def tasks_cell(summary: Summary | None, setting: Setting) -> str:
    """The interval over tasks, to the digits of the mean that it belongs to."""
    if summary is None or summary.mean is None or summary.ci95_tasks is None:
        return NOTHING
    metric = setting.metric
    return f"± {metric.number(summary.ci95_tasks, metric.digits(summary.mean))}"


def difference_cell(summary: Summary | None, printed: PaperNumber | None, setting: Setting) -> str:
    """Ours minus the paper's, to the paper's digits; percentage points for accuracies."""
    if summary is None or summary.mean is None or printed is None:
        return NOTHING
    metric = setting.metric
    return metric.number(summary.mean - printed.value, metric.difference_digits, sign="+")


def link(record: Record, label: str, results_link: str) -> str:
    """A Markdown link to the record's file."""
    return f"[{markdown(label)}]({escape.link(Registry(Path(results_link)).path(record))})"


def seed_links(cell: Cell, results_link: str, weights: Mapping[str, str]) -> str:
    """A link to the record of each seed, and one to its weights where they are published."""
    return " ".join(_seed_link(record, results_link, weights) for record in cell.records)


def _seed_link(record: Record, results_link: str, weights: Mapping[str, str]) -> str:
    shown = link(record, str(record.seed), results_link)
    path = path_of_weights(record, weights)
    if path is None:
        return shown
    return f"{shown} ([weights]({escape.link(Path(results_link) / path)}))"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; nothing in it is reinterpreted as a number."""
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)
