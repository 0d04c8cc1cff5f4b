"""A plot as a section of the page: one drawing for each panel, as many in a row as fit."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from suite.report.figures.plot import HEIGHT, WIDTH, Key, Part, Plot, panel_axes
from suite.report.page.canvas import svg
from suite.report.page.markup import element, escape
from suite.report.page.section import PageSection, legend

_SWATCH = (18.0, 12.0)


def figure_section(plot: Plot) -> PageSection:
    """The section of `plot`."""
    figures = [_figure(WIDTH, HEIGHT) for _ in plot.parts]
    plot.draw([panel_axes(figure) for figure in figures])
    panels = [
        _panel(part, figure, f"{plot.name}-{at}")
        for at, (part, figure) in enumerate(zip(plot.parts, figures, strict=True))
    ]
    grid = "panels pairs" if plot.columns == 2 else "panels"
    parts = (
        element("p", escape(plot.lead), class_="lead"),
        legend(_swatch(key) + escape(key.label) for key in plot.keys),
        element("div", "\n".join(panels), class_=grid),
    )
    return PageSection(id=plot.name, title=plot.title, content="\n".join(parts))


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")


def _panel(part: Part, figure: Figure, name: str) -> str:
    """A `figure` element with its title in the caption."""
    warning = element("span", escape(part.warning), class_="warning") if part.warning else ""
    caption = element("figcaption", element("b", escape(part.title)) + warning)
    drawn, attributes = svg(figure)
    title = f"{part.title} {part.warning}".strip()
    words = element("title", escape(title), id=f"{name}-title")
    words += element("desc", escape(part.description), id=f"{name}-text")
    named = {"role": "img", "aria_labelledby": f"{name}-title {name}-text"}
    return element(
        "figure", caption + element("svg", words + drawn, **attributes, **named), class_="panel"
    )


def _swatch(key: Key) -> str:
    figure = _figure(*_SWATCH)
    x = [0.5] if key.style.get("linestyle") == "none" else [0.05, 0.95]
    figure.add_artist(Line2D(x, [0.5] * len(x), **key.style))
    drawn, attributes = svg(figure)
    return element("svg", drawn, **attributes, class_="swatch", aria_hidden="true")
