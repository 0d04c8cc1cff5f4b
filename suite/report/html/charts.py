"""One panel of a figure as SVG: axes, lines, bands and points.

Colours and strokes come from the page's style by class, so that one drawing serves a light and a
dark page. What a mark is stands in its class: `mean`, `seed`, `truth` and the like.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from suite.report.html.axes import Axis
from suite.report.html.markup import coordinate, element, escape

WIDTH, HEIGHT = 360.0, 256.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 8.0, 26.0, 40.0
_INNER = (WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM)

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through `points`, broken where one is not finite."""

    points: Points
    style: str
    """Classes of the page's style."""
    label: str = ""
    """What a pointer at rest is shown."""
    dots: bool = False


@dataclass(frozen=True, kw_only=True)
class Band:
    """The area between `lower` and `upper`, of the same length."""

    lower: Points
    upper: Points
    style: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """A value by itself, with the half-width of an interval where it has one."""

    at: tuple[float, float]
    half: float | None
    style: str
    label: str


Mark = Line | Band | Point


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A panel."""

    id: str
    """Unique on the page, and the same each time."""
    title: str
    warning: str
    """Where the panel shows no reproduction."""
    description: str
    """What can be seen, for those who do not see it."""
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]


def draw(chart: Chart) -> str:
    """The panel as a `figure` element, its title in the caption."""
    warning = element("span", escape(chart.warning), class_="warning") if chart.warning else ""
    caption = element("figcaption", element("b", escape(chart.title)) + warning)
    # A drawing within the drawing cuts off what runs out of the axes, with no id to clip by.
    inner = element(
        "svg",
        "".join(_mark(mark, chart) for mark in chart.marks),
        x=_LEFT,
        y=_TOP,
        width=_INNER[0],
        height=_INNER[1],
    )
    names = f"{chart.id}-title {chart.id}-text"
    picture = element(
        "svg",
        element("title", escape(f"{chart.title} {chart.warning}".strip()), id=f"{chart.id}-title")
        + element("desc", escape(chart.description), id=f"{chart.id}-text")
        + element("g", _grid(chart), class_="axes", aria_hidden="true")
        + inner,
        viewBox=f"0 0 {coordinate(WIDTH)} {coordinate(HEIGHT)}",
        role="img",
        aria_labelledby=names,
    )
    return element("figure", caption + picture, class_="panel")


def _mark(mark: Mark, chart: Chart) -> str:
    if isinstance(mark, Band):
        return _band(mark, chart)
    return _line(mark, chart) if isinstance(mark, Line) else _point(mark, chart)


def _place(point: tuple[float, float], chart: Chart) -> tuple[float, float]:
    """Within the axes; far outside is brought near, since a drawing has an end."""
    x, y = chart.x.at(point[0]), 1.0 - chart.y.at(point[1])
    return min(max(x, -9.0), 9.0) * _INNER[0], min(max(y, -9.0), 9.0) * _INNER[1]


def path(points: Sequence[tuple[float, float]]) -> str:
    """The commands of a path through places in a drawing, lifted where one is not finite."""
    parts, pen = [], "M"
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"
            continue
        parts.append(f"{pen}{coordinate(x)} {coordinate(y)}")
        pen = "L"
    return "".join(parts)


def _line(line: Line, chart: Chart) -> str:
    places = [_placed(point, chart) for point in line.points]
    title = element("title", escape(line.label)) if line.label else ""
    drawn = element("path", title, class_=f"line {line.style}", d=path(places))
    if not line.dots:
        return drawn
    circles = "".join(
        element("circle", cx=x, cy=y, r=2.2) for x, y in places if math.isfinite(x + y)
    )
    return drawn + element("g", circles, class_=f"dots {line.style}")


def _placed(point: tuple[float, float], chart: Chart) -> tuple[float, float]:
    return _place(point, chart) if math.isfinite(sum(point)) else (math.nan, math.nan)


def _band(band: Band, chart: Chart) -> str:
    edge = [*band.upper, *reversed(band.lower)]
    around = [_place(point, chart) for point in edge if math.isfinite(sum(point))]
    return element("path", class_=f"band {band.style}", d=path(around) + "Z") if around else ""


def _point(point: Point, chart: Chart) -> str:
    x, y = _place(point.at, chart)
    parts = [element("title", escape(point.label))]
    if point.half is not None:
        low, high = (
            _place((point.at[0], point.at[1] + sign * point.half), chart)[1] for sign in (-1, 1)
        )
        parts.append(element("path", class_="whisker", d=path([(x, low), (x, high)])))
    size = 5.0
    diamond = path([(x, y - size), (x + size, y), (x, y + size), (x - size, y)]) + "Z"
    parts.append(element("path", class_="diamond", d=diamond))
    return element("g", "".join(parts), class_=f"point {point.style}")


def _grid(chart: Chart) -> str:
    right, bottom = _LEFT + _INNER[0], _TOP + _INNER[1]
    parts = []
    for value in chart.y.marks:
        y = _TOP + (1.0 - chart.y.at(value)) * _INNER[1]
        parts.append(element("path", d=path([(_LEFT, y), (right, y)])))
        parts.append(element("text", f"{value:g}", x=_LEFT - 6, y=y + 3.5, class_="end"))
    for value in chart.x.marks:
        x = _LEFT + chart.x.at(value) * _INNER[0]
        parts.append(element("text", f"{value:g}", x=x, y=bottom + 15, class_="middle"))
    parts.append(element("path", class_="base", d=path([(_LEFT, bottom), (right, bottom)])))
    middle = _LEFT + _INNER[0] / 2
    parts.append(
        element("text", escape(chart.x.label), x=middle, y=HEIGHT - 7, class_="middle label")
    )
    parts.append(element("text", escape(chart.y.label), x=0, y=12))
    return "".join(parts)
