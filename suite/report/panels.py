"""What the figures share: a grid of axes, and lines with their bands."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from suite.report.cells import Cell
from suite.report.selection import Panel
from suite.report.style import LABELS, PANEL, colour
from suite.stats import ci95_seeds

Lines = npt.NDArray[np.float64]


def grid(count: int, *, title: str, share_y: bool) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, at most three in a row."""
    columns = min(3, count)
    rows = math.ceil(count / columns)
    size = (max(4.8, PANEL[0] * columns), PANEL[1] * rows + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share_y).ravel()
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, list(axes[:count])


def draw_title(axes: Axes, panel: Panel) -> None:
    """The panel's title, with its warning on a line of its own."""
    axes.set_title(f"{panel.title}\n{panel.warning}" if panel.warning else panel.title)


def draw_band(axes: Axes, x: Sequence[float], lines: Lines, cell: Cell, methods: list[str]) -> None:
    """Mean over seeds of `lines` (seed, point), with its t interval or the seeds themselves.

    The interval of two seeds is so wide (t is 12.7) that it would hide all else.
    """
    tint = colour(cell.method, methods)
    mean = lines.mean(axis=0)
    axes.plot(x, mean, color=tint, marker="o", markersize=3)
    if len(lines) == 2:
        axes.plot(x, lines.T, color=tint, alpha=0.35, linewidth=0.7)
    elif len(lines) > 2:
        widths = [ci95_seeds(column) for column in lines.T]
        half = np.array([math.nan if width is None else width for width in widths])
        axes.fill_between(x, mean - half, mean + half, color=tint, alpha=0.18, linewidth=0)


def legend(figure: Figure, methods: Sequence[str], extra: Sequence[Line2D] = ()) -> None:
    """One legend for all panels, beneath them."""
    handles = [
        Line2D([], [], color=colour(method, list(methods)), label=LABELS.get(method, method))
        for method in methods
    ]
    entries = [*handles, *extra]
    columns = max(2, round(figure.get_figwidth() / 2.2))
    figure.legend(handles=entries, loc="outside lower center", ncols=min(columns, len(entries)))
