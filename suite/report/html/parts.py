"""What the sections of the page share."""

from collections.abc import Sequence
from dataclasses import dataclass

from suite.report.html.markup import element, escape
from suite.settings import Setting

CELLS_DRAWN = 12
"""Of a panel."""
POINTS_DRAWN = 100
"""Of a line with more, so many of them, evenly spaced."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page that its navigation leads to."""

    id: str
    title: str
    content: str
    """Markup, without the heading."""


def section(
    name: str,
    title: str,
    lead: str,
    panels: Sequence[str],
    legend: str = "",
    *,
    pairs: bool = False,
) -> Section:
    """A section of panels side by side, or in rows of two; `lead` is plain text."""
    grid = element("div", "\n".join(panels), class_="panels pairs" if pairs else "panels")
    lines = element("p", escape(lead), class_="lead")
    return Section(id=name, title=title, content="\n".join((lines, legend, grid)))


def factor(setting: Setting) -> float:
    """From the unit of the records to that of the page: accuracies are drawn in percent."""
    return setting.metric.scale


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `POINTS_DRAWN` of them, the first and the last included."""
    last, kept = len(points) - 1, POINTS_DRAWN - 1
    if last <= kept:
        return list(points)
    return [points[round(at * last / kept)] for at in range(POINTS_DRAWN)]
