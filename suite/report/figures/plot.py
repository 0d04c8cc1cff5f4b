"""A figure as a list of panels, which can be written as a file."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from suite.report.figures.style import SOFT

WIDTH, HEIGHT = 360.0, 256.0
"""The size of a panel in points, each a pixel of the page."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 8.0, 26.0, 40.0
_INNER = (WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM)
_GAP, _HEAD, _CAPTION, _WARNING, _KEYS = 20.0, 44.0, 20.0, 16.0, 24.0
# Free of dates and versions, so that the same records give the same bytes.
_METADATA: dict[str, dict[str, None]] = {
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One panel."""

    title: str
    warning: str
    """A warning where the panel shows no reproduction; else empty."""
    description: str
    """The content in words, for those who cannot see it."""
    draw: Callable[[Axes], None]


@dataclass(frozen=True, kw_only=True)
class Key:
    """An entry of a legend."""

    label: str
    style: dict[str, Any]
    """Properties of a `Line2D`."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure that can be drawn into a file or into the page."""

    name: str
    """The name of the figure's file, and of its section of the page."""
    title: str
    lead: str
    """Sentences that say how to read the figure."""
    parts: tuple[Part, ...]
    keys: tuple[Key, ...]
    columns: int = 3
    one_scale: bool = False
    """Whether all panels have the same y axis."""

    def draw(self, axes: Sequence[Axes]) -> None:
        """Draw each part into its axes."""
        for part, each in zip(self.parts, axes, strict=True):
            part.draw(each)
        if self.one_scale:
            low, high = zip(*(each.get_ylim() for each in axes), strict=True)
            for each in axes:
                each.set_ylim(min(low), max(high))


def panel_axes(figure: Figure, x: float = 0.0, y: float = 0.0) -> Axes:
    """The axes of a panel whose upper left corner is at `x` and `y`, in points from the figure's.

    Margins are fixed, since no two machines agree on the size of a text.
    """
    width, height = figure.get_size_inches() * 72
    bottom = height - y - HEIGHT + _BOTTOM
    box = ((x + _LEFT) / width, bottom / height, _INNER[0] / width, _INNER[1] / height)
    axes = figure.add_axes(box)
    axes.xaxis.set_label_coords(0.5, -25 / _INNER[1])
    return axes


def draw_labels(axes: Axes, x: str, y: str) -> None:
    """Name the axes; the name of the y axis stands above it and is not turned."""
    axes.set_xlabel(x)
    axes.annotate(
        y,
        *((0, 1), (-_LEFT, _TOP - 12)),
        xycoords="axes fraction",
        textcoords="offset points",
        color=axes.xaxis.label.get_color(),
    )


def drawn(plot: Plot, suffix: str) -> bytes:
    """The panels side by side, with titles and a legend, as `.svg` or `.png`."""
    columns = min(plot.columns, len(plot.parts))
    rows = -(-len(plot.parts) // columns)
    caption = _CAPTION + (_WARNING if any(part.warning for part in plot.parts) else 0.0)
    step = WIDTH + _GAP, HEIGHT + caption + _GAP
    beside = 2 * columns + 1
    keys = [plot.keys[at : at + beside] for at in range(0, len(plot.keys), beside)]
    width = columns * step[0] + _GAP
    height = _HEAD + rows * step[1] + len(keys) * _KEYS + _GAP
    figure = Figure(figsize=(width / 72, height / 72), facecolor="white")

    def write(text: str, x: float, y: float, **style: Any) -> None:
        figure.text(x / width, 1 - y / height, text, va="baseline", **style)

    write(plot.title, _GAP, 28, fontsize=15, fontweight="bold")
    axes = []
    for at, part in enumerate(plot.parts):
        x, y = _GAP + at % columns * step[0], _HEAD + at // columns * step[1]
        write(part.title, x, y + 16, fontsize=12, fontweight="bold")
        write(part.warning, x, y + 32, color=SOFT)
        axes.append(panel_axes(figure, x, y + caption))
    plot.draw(axes)
    for at, line in enumerate(reversed(keys)):
        handles = [Line2D([], [], label=key.label, **key.style) for key in line]
        corner = (_GAP / width, (_GAP / 2 + at * _KEYS) / height)
        figure.legend(
            handles=handles, loc="lower left", bbox_to_anchor=corner, ncols=len(line), borderpad=0
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:], metadata=_METADATA[suffix], facecolor="white")
    return buffer.getvalue()
