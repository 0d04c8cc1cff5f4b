"""Numbers, links and tables as text. The one place where a fraction becomes a percentage."""

import math
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from suite import escape
from suite.escape import markdown
from suite.registry import Record, Registry
from suite.report.cells import Cell
from suite.report.numbers import Summary
from suite.settings import PaperNumber, Setting

NOT_RUN = "not run"
NOTHING = "–"


def digits(value: float, setting: Setting) -> int:
    """Decimals to print: as the paper for accuracies, one for returns, for an MSE three digits."""
    if setting.metric == "accuracy":
        return 2 if setting.config.dataset == "miniimagenet" else 1
    if setting.metric == "return":
        return 1
    if value == 0.0:
        return 2
    return min(6, max(0, 2 - math.floor(math.log10(abs(value)))))


def number(value: float, setting: Setting, decimals: int, sign: str = "") -> str:
    """`value` in the unit of the tables: percent for accuracies, else itself."""
    scaled = 100 * value if setting.metric == "accuracy" else value
    if abs(scaled) >= 1e4:
        return f"{scaled:{sign}.2e}"
    text = f"{scaled:{sign}.{decimals}f}"
    return text.replace("-", "+") if sign and float(text) == 0.0 else text


def interval(value: float, width: float | None, setting: Setting, decimals: int) -> str:
    """`value ± width`, with a dash where there is no interval."""
    shown = NOTHING if width is None else number(width, setting, decimals)
    return f"{number(value, setting, decimals)} ± {shown}"


def paper_cell(printed: PaperNumber | None, setting: Setting) -> str:
    """The paper's number, with as many digits as it prints."""
    if printed is None:
        return NOTHING
    decimals = digits(printed.value, setting) if setting.metric == "accuracy" else 2
    if printed.ci95_tasks is None:
        return number(printed.value, setting, decimals)
    return interval(printed.value, printed.ci95_tasks, setting, decimals)


def our_cell(summary: Summary | None, setting: Setting) -> str:
    """Our mean and its interval over seeds; the median too where the mean says little."""
    if summary is None:
        return NOTHING
    parts = []
    if summary.mean is not None:
        decimals = digits(summary.mean, setting)
        parts.append(interval(summary.mean, summary.ci95_seeds, setting, decimals))
    if summary.diverged:
        parts.append(f"diverged on {summary.diverged:,} of {summary.tasks:,} tasks")
    if summary.heavy_tailed:
        middle = summary.median
        shown = "infinite" if middle is None else number(middle, setting, digits(middle, setting))
        parts.append(f"median {shown}")
    return "; ".join(parts)


def tasks_cell(summary: Summary | None, setting: Setting) -> str:
    """The interval over tasks, to the digits of the mean that it belongs to."""
    if summary is None or summary.mean is None or summary.ci95_tasks is None:
        return NOTHING
    return f"± {number(summary.ci95_tasks, setting, digits(summary.mean, setting))}"


def difference_cell(summary: Summary | None, printed: PaperNumber | None, setting: Setting) -> str:
    """Ours minus the paper's, to the paper's digits; percentage points for accuracies."""
    if summary is None or summary.mean is None or printed is None:
        return NOTHING
    printed_digits = 2 if setting.metric == "mse" else digits(printed.value, setting)
    return number(summary.mean - printed.value, setting, printed_digits, sign="+")


def link(record: Record, label: str, results_link: str) -> str:
    """A Markdown link to the record's file."""
    return f"[{markdown(label)}]({escape.link(Registry(Path(results_link)).path(record))})"


def seed_links(cell: Cell, results_link: str) -> str:
    """One link a seed, named by it."""
    return " ".join(link(record, str(record.seed), results_link) for record in cell.records)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; nothing in it is reinterpreted as a number."""
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)
