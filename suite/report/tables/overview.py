"""A table of the cells that have runs, narrow enough for a terminal."""

from collections.abc import Iterable

from tabulate import tabulate

from suite.errors import one_line
from suite.registry import Record
from suite.report.cells import collect
from suite.report.numbers import paper_number, summary_of
from suite.report.tables import text

_HEADINGS = ("setting", "protocol", "method", "iterations", "seeds", "ours ± over seeds", "paper")


def render_overview(records: Iterable[Record]) -> str:
    """One line a cell, at its protocol's `report_step`, with the paper's number if it has one."""
    rows = []
    for cell in collect(records).cells:
        setting, protocol = cell.setting, cell.protocol
        summary = summary_of(cell, protocol.report_step)
        printed = paper_number(setting, cell.method, protocol, protocol.report_step)
        label = " ".join((cell.method, *cell.changes))
        length = f"{cell.schedule.iterations:,}"
        rows.append(
            (
                setting.id,
                one_line(protocol.name),
                label,
                length if cell.category in ("paper", "variant") else f"{length} ({cell.category})",
                len(cell.records),
                text.our_cell(summary, setting),
                text.paper_cell(printed, setting) if cell.category == "paper" else text.NOTHING,
            )
        )
    return tabulate(rows, _HEADINGS, tablefmt="simple", disable_numparse=True)
