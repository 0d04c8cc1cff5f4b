"""What the figures share: styles of marks, the y axis, the description of a panel."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator

from suite.report.cells import Cell
from suite.report.figures.plot import Key, Part
from suite.report.figures.style import colour, label
from suite.report.selection import Panel
from suite.settings import SETTINGS, Problem

Lines = npt.NDArray[np.float64]

CELLS_DRAWN = 12
"""The most cells of a panel."""
POINTS_DRAWN = 100
"""The most points of a line that are drawn; they are evenly spaced among all."""
ROUND = (1, 2, 5, 10)
"""Ticks are multiples of one of these numbers times a power of ten."""
SEED: dict[str, Any] = {"linewidth": 1.0, "alpha": 0.38}
DIAMOND: dict[str, Any] = {"linestyle": "none", "marker": "D", "markersize": 7}


def datasets(problem: Problem | None = None) -> list[str]:
    """The data sets of a problem's settings, or of all settings, in their order."""
    configs = [setting.config for setting in SETTINGS.values()]
    return list(dict.fromkeys(c.dataset for c in configs if problem in (None, c.problem)))


def part_of(
    panel: Panel, cells: Sequence[Cell], describe: Callable[[Cell], str], draw: Callable[..., None]
) -> Part:
    """The part that draws `cells` of a panel; `describe` gives the words on each cell."""
    return Part(
        title=panel.title,
        warning=panel.warning,
        description=" ".join(f"{label(cell.method)}: {describe(cell)}." for cell in cells),
        draw=partial(draw, panel=panel, cells=cells),
    )


def method_keys(methods: Sequence[str]) -> tuple[Key, ...]:
    """A legend of methods and their colours."""
    return tuple(
        Key(label=label(method), style={"color": colour(method, methods)}) for method in methods
    )


def heights(axes: Axes) -> Lines:
    """The values that the y axis must hold: lines and points, but no bands and no whiskers."""
    found = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    return np.concatenate(found) if found else np.empty(0)


def scale_y(
    axes: Axes, values: Iterable[float], *, log: bool = False, limit: float = math.inf
) -> None:
    """Fit the y axis around the finite `values`, with a little room, up to `limit`."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = min(finite, default=1.0), max(finite, default=1.0)
    if log:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.6, high * 1.6)
        fine = (1.0, 2.0, 5.0) if high < 100 * low else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=fine))
        axes.yaxis.set_minor_formatter(lambda *_: "")
    else:
        room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.05
        axes.set_ylim(low - room, min(max(limit, high), high + room))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Choose at most `POINTS_DRAWN` of `points`, the first and the last among them."""
    last, kept = len(points) - 1, POINTS_DRAWN - 1
    if last <= kept:
        return list(points)
    return [points[round(at * last / kept)] for at in range(POINTS_DRAWN)]


def count_of(seeds: int) -> str:
    """How many seeds, in words."""
    return f"{seeds} seed{'' if seeds == 1 else 's'}"
