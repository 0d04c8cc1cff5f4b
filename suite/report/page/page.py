"""The page: one file without a network, the same bytes for the same records."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import PurePath
from string import Template

from suite.escape import link as target
from suite.registry import Record
from suite.report.cells import Contents, collect
from suite.report.figures import FIGURES
from suite.report.figures.style import styled
from suite.report.origins import NO_RECORDS, origins, sentence
from suite.report.page.canvas import variables
from suite.report.page.figures import figure_section
from suite.report.page.forest import forest
from suite.report.page.markup import element, escape, table
from suite.report.page.records import records_json
from suite.report.page.section import PageSection
from suite.report.page.summary import summary
from suite.report.verdicts import judged

_RECORDS_LEAD = (
    "One JSON file a run, with everything that is known of it and the command that made it. A "
    "score is over the test tasks of that one model; its ± is 1.96 sd / √tasks. Hours are those of "
    "training and scoring; runs that share a training each name it."
)


def render_page(records: Iterable[Record] | Contents, *, results_link: str) -> str:
    """The page as HTML; `results_link` leads from its file to the registry's root.

    The text depends on nothing else. Style and script are inline. A Content-Security-Policy allows
    these two by their hashes, and forbids whatever would be loaded from anywhere.
    """
    contents = collect(records)
    rows = judged(contents.cells)
    plots = [plot for make in FIGURES if (plot := make(contents.cells))]
    with styled():
        figures = [figure_section(plot) for plot in plots]
    sections = [forest(rows), *figures, _records(contents, results_link), _origins(contents)]
    style, script = _style(), _text("page.js")
    return Template(_text("page.html")).substitute(
        policy=_policy(style, script),
        style=style,
        script=script,
        summary=summary(rows),
        navigation=_navigation(sections),
        sections="\n\n".join(_drawn(each) for each in sections),
        data=records_json(contents, results_link),
    )


def _text(name: str) -> str:
    return files("suite.report.page").joinpath(name).read_text(encoding="utf-8")


def _style() -> str:
    light, dark = variables(0), variables(1)
    return Template(_text("page.css")).substitute(light=light, dark=dark)


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _navigation(sections: Sequence[PageSection]) -> str:
    links = [element("a", escape(each.title), href=f"#{each.id}") for each in sections]
    return "".join(element("li", link) for link in links)


def _drawn(section: PageSection) -> str:
    heading = element("h2", escape(section.title), id=f"{section.id}-heading")
    return element(
        "section",
        f"{heading}\n{section.content}",
        id=section.id,
        aria_labelledby=f"{section.id}-heading",
    )


def _records(contents: Contents, results_link: str) -> PageSection:
    """The frame of the table; its rows are made by the script."""
    link = element("a", escape(results_link), href=target(PurePath(results_link)))
    parts = (
        element("p", escape(_RECORDS_LEAD), class_="lead"),
        element("noscript", element("p", f"This table needs JavaScript. The files are in {link}.")),
        element("div", id="filters", class_="filters"),
        element("p", id="found", class_="found", role="status"),
        element(
            "div",
            id="table",
            class_="scroll",
            role="region",
            aria_label="all records",
            tabindex="0",
        ),
        element("div", id="pages", class_="pages"),
    )
    return PageSection(id="records", title="All records", content="\n".join(parts))


def _origins(contents: Contents) -> PageSection:
    records = contents.records
    if not records:
        content = element("p", NO_RECORDS)
    else:
        tables = [
            table(
                map(escape, each.headers),
                [[_code(cell) for cell in row] for row in each.rows],
                caption=f"records by {each.headers[0]}",
            )
            for each in origins(records)
        ]
        content = "\n".join((element("p", escape(sentence(records)), class_="lead"), *tables))
    return PageSection(id="origins", title="Where the runs come from", content=content)


def _code(text: str) -> str:
    """`text` escaped, with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "".join(
        element("code", escape(part)) if at % 2 else escape(part) for at, part in enumerate(parts)
    )
