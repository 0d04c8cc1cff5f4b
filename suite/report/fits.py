"""The paper's Figure 2: sinusoids fitted by MAML and by pretraining."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from suite.registry import Record
from suite.registry.schema import Example
from suite.report.cells import Cell
from suite.report.selection import fits_of
from suite.report.style import COLOURS, LABELS, PANEL

_STEPS = {
    "0": ("before any step", ":", 0.55),
    "1": ("after 1 step", "--", 0.8),
    "10": ("after 10 steps", "-", 1.0),
}


def sinusoid_fits(cells: Sequence[Cell]) -> Figure | None:
    """Fits of one test task: a row for each number of examples, a column for each method.

    The task is the first of the lowest seed that every panel has a run of; None without such runs.
    """
    runs, warning = fits_of(cells)
    if not runs:
        return None
    seed = next(iter(runs.values())).seed
    rows, columns = ({each[place]: None for each in runs} for place in (0, 1))
    size = (PANEL[0] * len(columns) * 1.2, PANEL[1] * len(rows) + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    title = f"Sinusoid regression: one test task, few examples (seed {seed})"
    figure.suptitle(f"{title}\n{warning}" if warning else title, x=0.01, ha="left")
    grid = figure.subplots(len(rows), len(columns), squeeze=False, sharex=True, sharey=True)
    for axes, ((_, method), record) in zip(grid.ravel(), runs.items(), strict=True):
        axes.set_title(
            f"{LABELS.get(method, method)}, K = {record.protocol.k_shot}{_tuned(record)}"
        )
        _draw(axes, record.examples[0], COLOURS.get(method, "#0072B2"))
    for axes in grid[-1]:
        axes.set_xlabel("x")
    for axes in grid[:, 0]:
        axes.set_ylabel("y")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    return figure


def _tuned(record: Record) -> str:
    step_size = record.selected.get("step_size", record.config.inner_lr)
    return f", step size {step_size:g}"


def _draw(axes: Axes, fit: Example, tint: str) -> None:
    axes.plot(fit.x, fit.truth, color="#aaaaaa", linewidth=3.5, label="truth")
    for step, (label, dashes, alpha) in _STEPS.items():
        if step in fit.by_step:
            y = [math.nan if value is None else value for value in fit.by_step[step]]
            axes.plot(fit.x, y, color=tint, linestyle=dashes, alpha=alpha, label=label)
    axes.plot(
        fit.support_x,
        fit.support_y,
        color="black",
        linestyle="none",
        marker="^",
        markersize=6,
        label="examples given",
        zorder=5,
    )
