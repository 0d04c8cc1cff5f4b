"""Which colour a method has, as a class of the page's style, and the legend that tells so."""

from collections.abc import Sequence

from suite.report.html.markup import element, escape
from suite.report.style import COLOURS, LABELS

SPARE = 3
"""Colours for methods that have none of their own: `t-spare-0` and so on."""


def tint(method: str, methods: Sequence[str]) -> str:
    """The class of a method; one without a colour gets a spare by its place among `methods`."""
    if method in COLOURS:
        return f"t-{method}"
    unknown = sorted({method, *methods}.difference(COLOURS))
    return f"t-spare-{unknown.index(method) % SPARE}"


def label(method: str) -> str:
    """The method as a figure names it."""
    return LABELS.get(method, method)


def legend(methods: Sequence[str], extra: Sequence[tuple[str, str]] = ()) -> str:
    """A list of colours and names; `extra` are classes of a swatch and their meaning."""
    entries = [(tint(method, methods), label(method)) for method in methods]
    items = [
        element("li", element("span", class_=f"swatch {style}") + escape(text))
        for style, text in (*entries, *extra)
    ]
    return element("ul", "".join(items), class_="legend")
