"""The report: `tables.md`, the figures and the page, from the registry and nothing else."""

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from suite.errors import RegistryError
from suite.files import atomic_write
from suite.registry import Record, Registry
from suite.registry.compact import compact
from suite.registry.published import published
from suite.registry.store import collector_at_rest
from suite.report.cells import Contents, collect
from suite.report.figures import FIGURES
from suite.report.figures.plot import drawn
from suite.report.figures.style import styled
from suite.report.origins import NO_RECORDS
from suite.report.page import render_page
from suite.report.tables.render import render_tables
from suite.report.tables.status import with_status
from suite.report.verdicts import judged

log = logging.getLogger(__name__)

README_FIGURE = "sinusoid-fits"
"""The figure that is written as PNG too, since the README shows it."""


@collector_at_rest()
def render_report(
    registry_root: Path | str,
    reports_dir: Path | str,
    *,
    page: bool = False,
    lenient: bool = False,
    readme: Path | None = None,
) -> dict[Path, bytes]:
    """The files of the report by their paths: `tables.md` and the figures, in `reports_dir`.

    With `page` there is `index.html` too, and with `readme` that text with today's table of how far
    each setting has come. The same records give the same bytes. A figure without runs is not drawn.
    Raises `RegistryError` for a record that cannot be read; with `lenient` it is left out instead.
    """
    reports_dir = Path(reports_dir)
    registry = Registry(registry_root, lenient=lenient)
    contents = collect(map(compact, registry.records()), published(registry.root))
    figures = render_figures(contents, reports_dir / "figures")
    names = [path.relative_to(reports_dir).as_posix() for path in figures if path.suffix == ".svg"]
    link = Path(os.path.relpath(registry_root, reports_dir)).as_posix()
    texts = {reports_dir / "tables.md": render_tables(contents, results_link=link, figures=names)}
    if page:
        texts[reports_dir / "index.html"] = render_page(contents, results_link=link)
    if readme is not None:
        texts[readme] = with_status(readme.read_text(encoding="utf-8"), judged(contents.cells))
    return {path: text.encode() for path, text in texts.items()} | figures


def write_files(files: Mapping[Path, bytes], registry_root: Path | str) -> None:
    """Write a report that was rendered: each file in one step, and the texts last.

    Raises `RegistryError` where it has no record and the report that it would replace has some:
    then another registry was most likely meant.
    """
    for path, data in files.items():
        if path.name == "tables.md" and NO_RECORDS.encode() in data and _has_records(path):
            raise RegistryError(
                f"{registry_root} holds no record, and {path} has some: nothing was written; name "
                "the registry with --results DIR, or delete the report first"
            )
    for path, data in reversed(list(files.items())):
        atomic_write(path, data)
        log.debug("wrote %s", path)


def write_report(
    registry_root: Path | str,
    reports_dir: Path | str,
    *,
    page: bool = False,
    lenient: bool = False,
) -> list[Path]:
    """Render the report and write it; returns the paths of all files."""
    files = render_report(registry_root, reports_dir, page=page, lenient=lenient)
    write_files(files, registry_root)
    return list(files)


def _has_records(tables: Path) -> bool:
    return tables.is_file() and NO_RECORDS not in tables.read_text("utf-8", errors="replace")


def render_figures(records: Iterable[Record] | Contents, folder: Path) -> dict[Path, bytes]:
    """Every figure that there are runs for, as SVG, by its path in `folder`."""
    cells = collect(records).cells
    files: dict[Path, bytes] = {}
    with styled():
        for plot in (plot for make in FIGURES if (plot := make(cells))):
            suffixes = (".svg", ".png") if plot.name == README_FIGURE else (".svg",)
            files |= {folder / f"{plot.name}{each}": drawn(plot, each) for each in suffixes}
    return files
