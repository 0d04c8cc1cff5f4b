"""Scores by gradient step: error, accuracy and return."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from suite.report.cells import Cell
from suite.report.figures.marks import (
    CELLS_DRAWN,
    DIAMOND,
    ROUND,
    SEED,
    Lines,
    count_of,
    datasets,
    heights,
    method_keys,
    part_of,
    scale_y,
)
from suite.report.figures.plot import Key, Plot, draw_labels
from suite.report.figures.style import INK, SOFT, colour, label
from suite.report.numbers import paper_number, step_means
from suite.report.selection import SEEDS_DRAWN, Panel, methods_of, panels_of, protocols_of
from suite.report.tables import text
from suite.settings import Problem
from suite.stats import ci95_seeds

BAND: dict[str, Any] = {"alpha": 0.16, "linewidth": 0}
_PAPER: dict[str, Any] = {**DIAMOND, "markeredgecolor": INK, "markeredgewidth": 1.2}


def error_steps(cells: Sequence[Cell]) -> Plot | None:
    """The paper's Figures 3 and 6: error by gradient step, a panel for each number of examples."""
    lead = "Mean squared error, on a logarithmic scale. Bands are 95 % intervals over seeds."
    title = "Sinusoids: error by gradient step"
    return _by_step(cells, "regression", "sinusoid-steps", title, lead)


def accuracy_steps(cells: Sequence[Cell]) -> Plot | None:
    """Test accuracy after 0, 1, ... gradient steps, a panel for each setting."""
    lead = (
        "On the query set of the test tasks. Bands are 95 % intervals over seeds; of two seeds the "
        "seeds themselves are drawn. The authors' own step 0 is on the support set, so it has no "
        "counterpart here."
    )
    title = "Accuracy by gradient step"
    return _by_step(cells, "classification", "accuracy-steps", title, lead)


def return_steps(cells: Sequence[Cell]) -> Plot | None:
    """The paper's Figures 4 and 5: return by gradient step, a panel for each environment."""
    lead = (
        "Mean return on the paper's 40 test goals. Bands are 95 % intervals over seeds, thin lines "
        "single seeds. The paper's numbers are of one trained model each, its intervals over goals."
    )
    title = "Reinforcement learning: return by gradient step"
    return _by_step(cells, "policies", "return-steps", title, lead, seeds=True)


def _by_step(
    cells: Sequence[Cell],
    problem: Problem,
    name: str,
    title: str,
    lead: str,
    *,
    seeds: bool = False,
) -> Plot | None:
    """The plot of scores after 0, 1, ... steps; with `seeds`, single seeds beside their mean."""
    panels = [
        panel
        for dataset in datasets(problem)
        for protocol in protocols_of(dataset)
        for panel in panels_of(cells, dataset, protocol)
    ]
    if not panels:
        return None
    methods = methods_of([cell for panel in panels for cell in panel.cells])
    draw = partial(_draw_steps, methods=methods, seeds=seeds)
    parts = [part_of(panel, panel.cells[:CELLS_DRAWN], _step_ends, draw) for panel in panels]
    paper = Key(label="the paper's number, in its method's colour", style=_PAPER | {"color": SOFT})
    printed = any(panel.setting.paper for panel in panels)
    return Plot(
        name=name,
        title=title,
        lead=lead,
        parts=tuple(parts),
        keys=(*method_keys(methods), *([paper] if printed else [])),
        one_scale=panels[0].setting.metric.log_axis,
    )


def _draw_steps(
    axes: Axes, *, panel: Panel, cells: Sequence[Cell], methods: Sequence[str], seeds: bool
) -> None:
    metric, most = panel.setting.metric, max(cell.protocol.steps for cell in cells)
    for cell in cells:
        runs = metric.scale * _step_lines(cell)
        tint = colour(cell.method, methods)
        if seeds or len(runs) == 2:
            axes.plot(runs[:SEEDS_DRAWN].T, color=tint, **SEED)
        if len(runs) > 2:
            # The interval of two seeds is so wide (t is 12.7) that it would hide all else.
            mean, widths = runs.mean(axis=0), [ci95_seeds(column) for column in runs.T]
            half = np.array([math.nan if width is None else width for width in widths])
            axes.fill_between(range(len(mean)), mean - half, mean + half, color=tint, **BAND)
        named = f"{label(cell.method)}, mean of {count_of(len(runs))}"
        axes.plot(runs.mean(axis=0), color=tint, marker="o", markersize=4.4, label=named)
    if not panel.warning:
        _draw_paper(axes, panel, methods)
    axes.set_xlim(-0.4, most + 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=ROUND, integer=True))
    draw_labels(axes, "gradient steps", f"test {metric.axis_label}")
    scale_y(axes, heights(axes), log=metric.log_axis, limit=metric.axis_limit)


def _step_lines(cell: Cell) -> Lines:
    """The means over tasks, (seed, step)."""
    return np.array([step_means(record, cell.setting.metric.name) for record in cell.records])


def _draw_paper(axes: Axes, panel: Panel, methods: Sequence[str]) -> None:
    """Draw the printed numbers, with the interval over tasks where the paper prints it."""
    setting, protocol = panel.setting, panel.cells[0].protocol
    scale = setting.metric.scale
    for method in methods:
        for step in range(protocol.steps + 1):
            printed = paper_number(setting, method, protocol, step)
            if printed is None:
                continue
            if printed.ci95_tasks is not None:
                ends = (printed.value - printed.ci95_tasks, printed.value + printed.ci95_tasks)
                axes.vlines(step, scale * ends[0], scale * ends[1], INK, linewidth=1.2, zorder=4)
            named = f"{label(method)}, the paper: {text.paper_cell(printed, setting)}"
            tint = colour(method, methods)
            axes.plot(step, scale * printed.value, color=tint, label=named, zorder=5, **_PAPER)


def _step_ends(cell: Cell) -> str:
    """The scores at the first and the last step, over all seeds, in words."""
    means, metric = _step_lines(cell).mean(axis=0), cell.setting.metric
    ends = (float(means[0]), float(means[-1]))
    shown = [metric.number(mean) if math.isfinite(mean) else "not finite" for mean in ends]
    if len(means) == 1:
        return f"{shown[0]} without a step"
    return f"{shown[0]} before any step, {shown[1]} after {len(means) - 1}"
