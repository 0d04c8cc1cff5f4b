"""Methods against one another on the same test tasks of the same seeds."""

from collections.abc import Iterable

from suite.escape import markdown
from suite.registry import Record
from suite.report.cells import Cell
from suite.report.numbers import outcomes
from suite.report.tables import text
from suite.settings import METHODS
from suite.stats import Outcomes, paired_difference

_FIRST = "maml"
_OTHERS = [name for name, entry in METHODS.items() if entry.compared and name != _FIRST]
_HEADERS = (
    *("setting", "protocol", "iterations", "difference", "± over seeds", "± over tasks", "seeds"),
)


def render_paired(cells: Iterable[Cell]) -> list[str]:
    """The blocks of the section; none without two methods to compare."""
    cells = tuple(cells)
    rows = [
        _row(first, second, shared)
        for first in cells
        for second in cells
        if first.method == _FIRST and second.method in _OTHERS and _comparable(first, second)
        if (shared := _shared(first, second))
    ]
    if not rows:
        return []
    return [
        "## Methods compared, task by task",
        "Both methods of a row were scored on the same test tasks of the same seeds, so that what "
        "the tasks differ in cancels. `± over seeds` is the half-width of the 95 % Student t "
        "interval of the seeds' mean differences; `± over tasks` is 1.96 sd / √tasks of the "
        "differences of one seed, the median of the seeds.",
        text.table(_HEADERS, rows),
    ]


def _comparable(first: Cell, second: Cell) -> bool:
    """Whether they differ in nothing but the method, and what belongs to it."""
    return (
        first.setting is second.setting
        and first.protocol == second.protocol
        and first.category == second.category
        and first.changes == second.changes
        and (first.category == "paper" or first.schedule == second.schedule)
    )


def _shared(first: Cell, second: Cell) -> list[tuple[Record, Record]]:
    """The runs of equal seed and data."""
    others = {record.seed: record for record in second.records}
    pairs = ((record, others.get(record.seed)) for record in first.records)
    return [(ours, other) for ours, other in pairs if other and ours.data == other.data]


def _row(first: Cell, second: Cell, shared: list[tuple[Record, Record]]) -> list[str]:
    setting, protocol = first.setting, first.protocol
    metric, step = setting.metric, protocol.report_step
    scores: list[tuple[Outcomes, Outcomes]] = [
        (outcomes(ours, metric.name, step), outcomes(other, metric.name, step))
        for ours, other in shared
    ]
    found = paired_difference(scores)
    head = [setting.title, markdown(protocol.name), f"{first.schedule.iterations:,}"]
    name = markdown(f"{first.method} - {second.method}")
    if found is None:
        return [*head, f"{name}: diverged", *[text.NOTHING] * 2, str(len(shared))]
    decimals = metric.digits(found.mean)
    seeds = found.ci95_seeds
    return [
        *head,
        f"{name}: {metric.number(found.mean, decimals, sign='+')}",
        text.NOTHING if seeds is None else f"± {metric.number(seeds, decimals)}",
        f"± {metric.number(found.ci95_tasks, decimals)}",
        str(found.seeds),
    ]
