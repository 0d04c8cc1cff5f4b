"""A part of the page that its navigation leads to."""

from collections.abc import Iterable
from dataclasses import dataclass

from suite.report.page.markup import element


@dataclass(frozen=True, kw_only=True)
class PageSection:
    """A heading and the content below it."""

    id: str
    title: str
    content: str
    """Markup, without the heading."""


def legend(items: Iterable[str]) -> str:
    """A list whose items are markup."""
    return element("ul", "".join(element("li", item) for item in items), class_="legend")
