"""The figures that are drawn from records: learning curves, and scores by gradient step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from suite.report.cells import Cell
from suite.report.numbers import paper_number, step_means
from suite.report.panels import Lines, draw_band, draw_title, grid, legend
from suite.report.selection import (
    SEEDS_DRAWN,
    Panel,
    curve_unit,
    curves_of,
    methods_of,
    panels_of,
    protocols_of,
)
from suite.report.style import colour
from suite.settings import ENVIRONMENTS, Metric

_PAPER: dict[str, Any] = {"color": "black", "linestyle": "none", "marker": "D", "markersize": 4}

_SPREAD = "bands: 95 % over seeds"


def learning_curves(cells: Sequence[Cell], *datasets: str) -> Figure | None:
    """The validation metric during training, a panel for each setting of `datasets`."""
    found = [panel for dataset in datasets for panel in panels_of(cells, dataset)]
    panels = [panel for panel in found if any(map(curves_of, panel.cells))]
    if not panels:
        return None
    metric = panels[0].setting.metric
    title = "Learning curves (thin lines: single seeds)"
    figure, axes = grid(len(panels), title=title, share_y=metric.log_axis)
    methods = methods_of([cell for panel in panels for cell in panel.cells if curves_of(cell)])
    for panel, each in zip(panels, axes, strict=True):
        draw_title(each, panel)
        for cell in panel.cells:
            _draw_curves(each, cell, methods)
        each.set_xlabel(curve_unit(panel.setting)[1])
    _scale(axes, metric, "validation")
    legend(figure, methods)
    return figure


def sinusoid_steps(cells: Sequence[Cell]) -> Figure | None:
    """The paper's Figures 3 and 6: error by gradient step, for each number of examples."""
    return _by_step(cells, ["sinusoid"], f"Sinusoid regression: error by gradient step ({_SPREAD})")


def accuracy_steps(cells: Sequence[Cell], dataset: str) -> Figure | None:
    """Accuracy by gradient step, a panel for each setting of `dataset`."""
    return _by_step(cells, [dataset], f"Accuracy by gradient step ({_SPREAD})")


def return_steps(cells: Sequence[Cell]) -> Figure | None:
    """The paper's Figures 4 and 5: return by gradient step, a panel for each environment."""
    title = "Return by gradient step (thin lines: seeds)"
    return _by_step(cells, ENVIRONMENTS, title)


def _by_step(cells: Sequence[Cell], datasets: Sequence[str], title: str) -> Figure | None:
    panels = [
        panel
        for dataset in datasets
        for protocol in protocols_of(dataset)
        for panel in panels_of(cells, dataset, protocol)
    ]
    if not panels:
        return None
    metric = panels[0].setting.metric
    figure, axes = grid(len(panels), title=title, share_y=metric.log_axis)
    methods = methods_of([cell for panel in panels for cell in panel.cells])
    for panel, each in zip(panels, axes, strict=True):
        draw_title(each, panel)
        for cell in panel.cells:
            lines = _step_lines(cell)
            if metric.name == "return":
                tint, drawn = colour(cell.method, methods), lines[:SEEDS_DRAWN].T
                each.plot(range(lines.shape[1]), drawn, color=tint, alpha=0.35, linewidth=0.7)
            draw_band(each, range(lines.shape[1]), lines, cell, methods)
        if not panel.warning:
            _draw_paper(each, panel, methods)
        each.set_xlabel("gradient steps")
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
    _scale(axes, metric, "test")
    extra = (
        [Line2D([], [], label="paper, in its method's colour", **_PAPER)]
        if panels[0].setting.paper
        else []
    )
    legend(figure, methods, extra)
    return figure


def _step_lines(cell: Cell) -> Lines:
    """Mean over tasks: (seed, step); percent for accuracies."""
    metric = cell.setting.metric
    factor = metric.scale
    return factor * np.array([step_means(record, metric.name) for record in cell.records])


def _draw_paper(axes: Axes, panel: Panel, methods: list[str]) -> None:
    """The printed numbers, with the interval over tasks where the paper prints it."""
    setting, protocol = panel.setting, panel.cells[0].protocol
    factor = setting.metric.scale
    for method in methods:
        for step in range(protocol.steps + 1):
            printed = paper_number(setting, method, protocol, step)
            if printed is not None:
                half = None if printed.ci95_tasks is None else factor * printed.ci95_tasks
                style = {**_PAPER, "color": colour(method, methods), "markeredgecolor": "black"}
                axes.errorbar(
                    step, factor * printed.value, yerr=half, ecolor="black", zorder=5, **style
                )


def _draw_curves(axes: Axes, cell: Cell, methods: list[str]) -> None:
    curves = curves_of(cell)
    if not curves:
        return
    factor = cell.setting.metric.scale
    tint, (unit, _) = colour(cell.method, methods), curve_unit(cell.setting)
    for curve in curves[:SEEDS_DRAWN]:
        points = sorted(curve.items())
        x, y = [at / unit for at, _ in points], [factor * value for _, value in points]
        axes.plot(x, y, color=tint, alpha=0.35, linewidth=0.7)
    shared = sorted(set(curves[0]).intersection(*curves[1:]))
    mean = [factor * float(np.mean([curve[at] for curve in curves])) for at in shared]
    axes.plot([at / unit for at in shared], mean, color=tint)


def _scale(panels: Sequence[Axes], metric: Metric, split: str) -> None:
    """The y axes: percent up to 100, returns, or errors on a log scale that no band stretches."""
    if metric.name == "return":
        for axes in panels:
            axes.set_ylabel("mean return")
        return
    if metric.name == "accuracy":
        for axes in panels:
            axes.set_ylabel(f"{split} accuracy, %")
            axes.set_ylim(top=min(101.0, axes.get_ylim()[1]))
        return
    lines = [line for axes in panels for line in axes.lines]
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in lines])
    positive = drawn[np.isfinite(drawn) & (drawn > 0)]
    panels[0].set_ylabel(f"{split} mean squared error")
    panels[0].set_yscale("log")
    panels[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if positive.size:
        panels[0].set_ylim(positive.min() / 1.6, positive.max() * 1.6)
