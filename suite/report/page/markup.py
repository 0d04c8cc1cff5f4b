"""Elements of HTML and SVG as text; whatever comes from a record passes through here, escaped."""

from collections.abc import Iterable

from suite.escape import html as escape

__all__ = ["coordinate", "element", "escape", "path", "table"]


def element(name: str, content: str = "", **attributes: str | float | None) -> str:
    """`<name ...>content</name>`; attributes are escaped, content is not: it is markup.

    `_` in an attribute's name stands for `-`, and one at its end is dropped (`class_`). None
    leaves the attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>"


def table(headers: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str) -> str:
    """A table whose cells are markup, in a box that scrolls; the first cell of a row heads it."""
    head = "".join(element("th", header, scope="col") for header in headers)
    body = []
    for first, *rest in rows:
        cells = element("th", first, scope="row") + "".join(element("td", each) for each in rest)
        body.append(element("tr", cells))
    parts = (
        element("caption", escape(caption), class_="unseen"),
        element("thead", element("tr", head)),
        element("tbody", "\n".join(body)),
    )
    label = {"role": "region", "aria_label": caption, "tabindex": "0"}
    return element("div", element("table", "\n".join(parts)), class_="scroll", **label)


def coordinate(value: float) -> str:
    """A length in a drawing, to a tenth and without idle digits."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def path(points: Iterable[tuple[float, float]]) -> str:
    """The commands of a line through points of a drawing."""
    return "M" + "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in points)


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else coordinate(value)
