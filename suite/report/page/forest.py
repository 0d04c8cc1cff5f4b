"""A row for each published number, with ours beside it and a strip that draws both to one scale.

The scale of a strip is the difference to the paper in margins, so that errors and accuracies can
stand in one column: the paper's number is at 0, and a difference within ±1 does not matter.
"""

import math
from collections.abc import Sequence
from itertools import groupby

from suite.report.figures.style import label
from suite.report.page.markup import element, escape, path
from suite.report.page.section import PageSection, legend
from suite.report.tables import text
from suite.report.tables.notes import method_label
from suite.report.verdicts import Judged, Numbers, numbers, steps_shown

REACH = 3.0
"""The margins that a strip shows to either side; a mean that lies beyond is drawn as an arrow."""
_WIDTH, _HEIGHT = 300.0, 40.0
_PAPER_Y, _OURS_Y = 13.0, 27.0
_HEADERS = ("method", "", "paper", "ours ± over seeds", "ours - paper, 95 %", "margin", "verdict")
_LEAD = (
    "Each strip has the paper's number in its middle and is counted in margins: within the shaded "
    "part a difference does not matter. The diamond is the paper's number with its ± over the test "
    "tasks of one model, the dot is ours with its ± over seeds. Reproduced: the 90 % interval of "
    "the difference, which joins both, lies within the margin. Consistent: that is not shown, but "
    "the number may be one more run of ours. Differs: it lies beyond the margin and beyond where "
    "one more run of ours would. An arrow points at what lies beyond three margins."
)


def forest(rows: Sequence[Judged]) -> PageSection:
    """The section: a table whose rows are grouped by setting."""
    parts = [_head()]
    for _, group in groupby(rows, key=lambda row: row.setting.id):
        found = list(group)
        title = escape(found[0].setting.title)
        heading = element("th", title, role="rowheader", scope="rowgroup", colspan=len(_HEADERS))
        parts.append(element("tr", heading, role="row", class_="group"))
        parts += [_row(row) for row in found]
    body = element("tbody", "\n".join(parts), role="rowgroup")
    caption = element("caption", "Every published number, and ours", class_="unseen")
    content = element("table", caption + body, role="table", class_="forest")
    key = [
        ("key diamond", "the paper"),
        ("key dot", "ours"),
        ("key zone", "within the margin"),
    ]
    items = (element("span", class_=f"swatch {style}") + escape(meaning) for style, meaning in key)
    lead = element("p", escape(_LEAD), class_="lead")
    return PageSection(
        id="numbers", title="Paper against ours", content=lead + legend(items) + content
    )


def verdict_mark(outcome: str, words: str) -> str:
    """The verdict in words with a sign before it, so that colour alone does not say it."""
    return element("span", escape(words), class_=f"verdict {verdict_class(outcome)}")


def verdict_class(outcome: str) -> str:
    """The class that has the colour of a verdict."""
    return f"v-{outcome.replace(' ', '-')}"


def row_id(row: Judged) -> str:
    """The id of a number's row on the page."""
    return "number-" + row.name.replace(" ", "-")


def _head() -> str:
    cells = [
        element("th", escape(header) if header else _scale(), role="columnheader", scope="col")
        for header in _HEADERS
    ]
    return element("tr", "".join(cells), role="row", class_="head")


def _row(row: Judged) -> str:
    shown = numbers(row)
    name = label(row.printed.method)
    if row.cell is not None and name == row.printed.method:
        name = method_label(row.cell, [row.cell])
    name = ", ".join((name, *steps_shown(row)))
    seeds = 0 if row.cell is None else len(row.cell.records)
    count = f"{seeds} seed{'' if seeds == 1 else 's'}" if seeds else ""
    verdict = verdict_mark(row.verdict.outcome, row.words) + element("small", count)
    cells = [
        element("th", escape(name), role="rowheader", scope="row", class_="name"),
        element("td", _strip(row, name, shown), role="cell", class_="strip"),
        _number("paper", shown.paper),
        _number("ours", shown.ours),
        _number("difference", shown.difference),
        _number("margin", shown.margin),
        element("td", verdict, role="cell", class_="outcome"),
    ]
    style = verdict_class(row.verdict.outcome)
    return element("tr", "".join(cells), id=row_id(row), role="row", class_=style)


def _number(name: str, shown: str) -> str:
    empty = " empty" if shown == text.NOTHING else ""
    return element(
        "td", escape(shown), role="cell", class_=f"number {name}{empty}", data_label=name
    )


def _x(margins: float) -> float:
    return _WIDTH / 2 * (1 + min(max(margins, -REACH - 1), REACH + 1) / (REACH + 0.25))


def _scale() -> str:
    marks = [
        element("text", "paper" if at == 0 else f"{at:+d}", x=_x(at), y=13, class_="middle")
        for at in range(-int(REACH), int(REACH) + 1)
    ]
    view = f"0 0 {_WIDTH:g} 18"
    unseen = element("span", "difference in margins", class_="unseen")
    return unseen + element("svg", "".join(marks), viewBox=view, aria_hidden="true")


def _strip(row: Judged, name: str, shown: Numbers) -> str:
    zone = element("rect", class_="zone", x=_x(-1), y=0, width=_x(1) - _x(-1), height=_HEIGHT)
    middle = element("path", class_="middle", d=path([(_x(0), 0), (_x(0), _HEIGHT)]))
    printed = row.printed.ci95_tasks
    paper = _interval(0.0, None if printed is None else printed / row.margin, _PAPER_Y)
    x, y, size = _x(0), _PAPER_Y, 4.5
    diamond = path([(x, y - size), (x + size, y), (x, y + size), (x - size, y)]) + "Z"
    theirs = element("g", paper + element("path", class_="diamond", d=diamond), class_="paper")
    title = f"{row.setting.title}, {name}: {row.words}"
    outcome = f"Paper {shown.paper}; ours {shown.ours}; margin {shown.margin}."
    ident = f"strip-{row_id(row)}"
    return element(
        "svg",
        element("title", escape(title), id=f"{ident}-title")
        + element("desc", escape(outcome), id=f"{ident}-text")
        + zone
        + middle
        + theirs
        + _ours(row),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-text",
    )


def _ours(row: Judged) -> str:
    if row.summary is None:
        return ""
    mean, width = row.summary.mean, row.summary.ci95_seeds
    if mean is None or not math.isfinite(mean):
        return element("text", "diverged", x=_WIDTH - 4, y=_OURS_Y + 4, class_="end ours")
    at = (mean - row.printed.value) / row.margin
    half = None if width is None else width / row.margin
    if abs(at) > REACH:
        side = math.copysign(1.0, at)
        tip, back = _x(side * REACH) + 5 * side, _x(side * REACH) - 5 * side
        arrow = path([(back, _OURS_Y - 5), (tip, _OURS_Y), (back, _OURS_Y + 5)]) + "Z"
        return element("g", element("path", class_="arrow", d=arrow), class_="ours")
    dot = element("circle", cx=_x(at), cy=_OURS_Y, r=4.5)
    return element("g", _interval(at, half, _OURS_Y) + dot, class_="ours")


def _interval(at: float, half: float | None, y: float) -> str:
    if half is None:
        return ""
    return element("path", class_="whisker", d=path([(_x(at - half), y), (_x(at + half), y)]))
