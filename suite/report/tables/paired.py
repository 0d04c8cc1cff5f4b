"""Methods against one another on the same test tasks of the same seeds."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

from msgspec import structs

from suite.escape import markdown
from suite.registry import Record
from suite.report.cells import Cell
from suite.report.numbers import outcomes
from suite.report.tables import text
from suite.settings import METHODS
from suite.settings.protocols import protocols_by_name
from suite.stats import Outcomes, paired_difference

_METHODS = tuple(METHODS)
_TEST_DATA = ("split", "rotations", "rotated_classes")
"""The fields of a configuration on which the tasks of a data set depend. A method of another paper
has values of its own; a run of it that sets the others' values can be compared with them."""
_TASK_SHAPE = ("n_way", "k_shot", "n_query", "tasks")
"""The fields of a protocol on which the tasks depend."""
_HEADERS = (
    *("setting", "protocol", "iterations", "difference", "± over seeds", "± over tasks", "seeds"),
)


def render_paired(cells: Iterable[Cell]) -> list[str]:
    """The blocks of the section; none where there are no two methods to compare."""
    by_setting: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.method in METHODS and METHODS[cell.method].compared:
            by_setting.setdefault(cell.setting.id, []).append(cell)
    rows = [
        _row(first, second, shared)
        for group in by_setting.values()
        for first, second in combinations(sorted(group, key=_order), 2)
        if _comparable(first, second) and (shared := _shared(first, second))
    ]
    if not rows:
        return []
    return [
        "## Methods compared, task by task",
        "Both methods of a row were scored on the same test tasks of the same seeds, so that what "
        "the tasks differ in cancels. Where their papers score them differently, both protocols "
        "are named. `± over seeds` is the half-width of the 95 % Student t interval of the seeds' "
        "mean differences; `± over tasks` is 1.96 sd / √tasks of the differences of one seed, the "
        "median of the seeds.",
        text.table(_HEADERS, rows),
    ]


def _order(cell: Cell) -> int:
    return _METHODS.index(cell.method)


def _comparable(first: Cell, second: Cell) -> bool:
    """Whether two cells of different methods met the same tasks and were trained alike.

    Each is trained as its recipe says, or both are changed in the same way.
    """
    if first.method == second.method or _tasks(first) != _tasks(second):
        return False
    ours, other = _on_own_tasks(first), _on_own_tasks(second)
    return (
        (ours.category, ours.changes) == (other.category, other.changes)
        and (ours.category == "paper" or first.schedule == second.schedule)
        and _protocols_correspond(first, second)
    )


def _on_own_tasks(cell: Cell) -> Cell:
    """`cell` as if it had been scored on the tasks of its recipe, with its other changes."""
    config, protocol = cell.setting.recipe(cell.method).config, cell.planned_protocol
    return replace(
        cell,
        config=structs.replace(cell.config, **{name: getattr(config, name) for name in _TEST_DATA}),
        protocol=structs.replace(
            cell.protocol, **{name: getattr(protocol, name) for name in _TASK_SHAPE}
        ),
    )


def _tasks(cell: Cell) -> tuple[object, ...]:
    """The values that the test tasks of a cell depend on, beside seed and data."""
    protocol, config = cell.protocol, cell.protocol.at_test(cell.config)
    data = (getattr(config, name) for name in ("dataset", "n_way", *_TEST_DATA))
    return (*data, *(getattr(protocol, name) for name in _TASK_SHAPE[1:]))


def _protocols_correspond(first: Cell, second: Cell) -> bool:
    """Whether the two protocols have one name, or each has a name that the other method lacks."""
    own, other = first.protocol.name, second.protocol.name
    return own == other or not (
        own in protocols_by_name(second.setting, second.method)
        or other in protocols_by_name(first.setting, first.method)
    )


def _shared(first: Cell, second: Cell) -> list[tuple[Record, Record]]:
    """The runs of equal seed and data."""
    others = {record.seed: record for record in second.records}
    pairs = ((record, others.get(record.seed)) for record in first.records)
    return [(ours, other) for ours, other in pairs if other and ours.data == other.data]


def _row(first: Cell, second: Cell, shared: list[tuple[Record, Record]]) -> list[str]:
    setting, protocol = first.setting, first.protocol
    metric = setting.metric
    steps = (protocol.report_step, second.protocol.report_step)
    scores: list[tuple[Outcomes, Outcomes]] = [
        (outcomes(ours, metric.name, steps[0]), outcomes(other, metric.name, steps[1]))
        for ours, other in shared
    ]
    found = paired_difference(scores)
    iterations = (f"{cell.schedule.iterations:,}" for cell in (first, second))
    head = [
        setting.title,
        markdown(" / ".join(dict.fromkeys((protocol.name, second.protocol.name)))),
        " / ".join(dict.fromkeys(iterations)),
    ]
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
