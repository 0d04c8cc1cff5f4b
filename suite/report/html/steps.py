"""Scores by gradient step: panels of accuracy or of error."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from suite.report import text
from suite.report.cells import Cell
from suite.report.html.axes import Axis, linear, logarithmic
from suite.report.html.charts import Band, Chart, Line, Mark, Point, draw
from suite.report.html.parts import CELLS_DRAWN, factor
from suite.report.html.tints import label, tint
from suite.report.numbers import paper_number, step_means
from suite.report.selection import SEEDS_DRAWN, Panel, methods_of, panels_of, protocols_of
from suite.settings import Problem
from suite.stats import ci95_seeds


def step_charts(
    cells: Sequence[Cell], datasets: Iterable[str], name: str
) -> tuple[list[str], list[str]]:
    """The panels of `datasets`, drawn, and the methods on them."""
    panels = [
        panel
        for dataset in datasets
        for protocol in protocols_of(dataset)
        for panel in panels_of(cells, dataset, protocol)
    ]
    if not panels:
        return [], []
    methods = methods_of([cell for panel in panels for cell in panel.cells])
    charts = [_chart(panel, methods, f"{name}-{at}") for at, panel in enumerate(panels)]
    if panels[0].setting.metric.log_axis:
        charts = _on_one_scale(charts)
    return [draw(chart) for chart in charts], methods


def _chart(panel: Panel, methods: Sequence[str], name: str) -> Chart:
    setting, cells = panel.setting, panel.cells[:CELLS_DRAWN]
    marks = [mark for cell in cells for mark in _marks(cell, methods)]
    if not panel.warning:
        marks += _papers(panel, methods)
    most = max(cell.protocol.steps for cell in cells)
    values = _drawn(marks)
    return Chart(
        id=name,
        title=panel.title,
        warning=panel.warning,
        description=" ".join(_told(cell) for cell in cells),
        x=Axis(low=-0.4, high=most + 0.4, label="gradient steps", whole=True),
        y=_SCALES[setting.config.problem](values),
        marks=tuple(marks),
    )


def _accuracy(values: Iterable[float]) -> Axis:
    return linear(values, "test accuracy, %", limit=100.0)


def _return(values: Iterable[float]) -> Axis:
    return linear(values, "mean return")


def _error(values: Iterable[float]) -> Axis:
    return logarithmic(values, "test mean squared error")


_SCALES: dict[Problem, Callable[[Iterable[float]], Axis]] = {
    "classification": _accuracy,
    "regression": _error,
    "policies": _return,
}


def _on_one_scale(charts: Sequence[Chart]) -> list[Chart]:
    scale = _error(value for chart in charts for value in _drawn(chart.marks))
    return [Chart(**{**vars(chart), "y": scale}) for chart in charts]


def _drawn(marks: Iterable[Mark]) -> list[float]:
    """The heights of lines and points; an axis is not stretched for a band."""
    found = []
    for mark in marks:
        if isinstance(mark, Line):
            found += [y for _, y in mark.points]
        elif isinstance(mark, Point):
            found.append(mark.at[1])
    return found


def _marks(cell: Cell, methods: Sequence[str]) -> list[Mark]:
    """Mean over seeds with its interval; two seeds themselves, since t is 12.7 for them."""
    colour, scale = tint(cell.method, methods), factor(cell.setting)
    runs = [
        [scale * mean for mean in step_means(each, cell.setting.metric.name)]
        for each in cell.records
    ]
    columns = list(zip(*runs, strict=True))
    means = [fmean(column) for column in columns]
    marks: list[Mark] = []
    if len(runs) == 2 or cell.setting.config.problem == "policies":
        drawn = runs[:SEEDS_DRAWN]
        marks += [Line(points=list(enumerate(run)), style=f"seed {colour}") for run in drawn]
    if len(runs) > 2:
        widths = [ci95_seeds(column) for column in columns]
        halves = [math.nan if width is None else width for width in widths]
        pairs = list(enumerate(zip(means, halves, strict=True)))
        lower = [(float(step), mean - half) for step, (mean, half) in pairs]
        upper = [(float(step), mean + half) for step, (mean, half) in pairs]
        marks.append(Band(lower=lower, upper=upper, style=colour))
    count = f"{len(runs)} seed{'' if len(runs) == 1 else 's'}"
    name = f"{label(cell.method)}, mean of {count}"
    points = [(float(step), mean) for step, mean in enumerate(means)]
    return [*marks, Line(points=points, style=f"mean {colour}", label=name, dots=True)]


def _papers(panel: Panel, methods: Sequence[str]) -> list[Mark]:
    setting, protocol = panel.setting, panel.cells[0].protocol
    scale = factor(setting)
    found: list[Mark] = []
    for method in methods:
        for step in range(protocol.steps + 1):
            printed = paper_number(setting, method, protocol, step)
            if printed is not None:
                half = None if printed.ci95_tasks is None else scale * printed.ci95_tasks
                shown = f"{label(method)}, the paper: {text.paper_cell(printed, setting)}"
                at = (float(step), scale * printed.value)
                found.append(Point(at=at, half=half, style=tint(method, methods), label=shown))
    return found


def _told(cell: Cell) -> str:
    """The first and the last step, over all seeds."""
    runs = [step_means(record, cell.setting.metric.name) for record in cell.records]
    means = [fmean(column) for column in zip(*runs, strict=True)]
    shown = [
        cell.setting.metric.number(mean) if math.isfinite(mean) else "not finite"
        for mean in (means[0], means[-1])
    ]
    last = len(means) - 1
    if last == 0:
        return f"{label(cell.method)}: {shown[0]} without a step."
    return f"{label(cell.method)}: {shown[0]} before any step, {shown[1]} after {last}."
