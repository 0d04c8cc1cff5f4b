"""Writes the report: `tables.md`, the figures and the page, from the registry and nothing else."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from suite.errors import RegistryError
from suite.files import atomic_write
from suite.registry import Record, Registry
from suite.registry.compact import compact
from suite.registry.published import published
from suite.registry.store import collector_at_rest
from suite.report.cells import Contents, collect
from suite.report.figures import FIGURES
from suite.report.figures.plot import save
from suite.report.figures.style import styled
from suite.report.origins import NO_RECORDS
from suite.report.page import render_page
from suite.report.tables.render import render_tables
from suite.report.tables.status import with_status
from suite.report.verdicts import judged

log = logging.getLogger(__name__)

README_FIGURE = "sinusoid-fits"
"""The one that is a PNG too, since the README shows it."""


@collector_at_rest()
def write_report(
    registry_root: Path | str,
    reports_dir: Path | str,
    *,
    page: bool = False,
    lenient: bool = False,
    readme: Path | None = None,
) -> list[Path]:
    """Write `tables.md` and `figures/` into `reports_dir`; the paths of all files written.

    With `page` also `index.html`; in the text `readme` the table of how far each setting has come
    is brought up to date.

    The same records give the same bytes. A figure without runs is not drawn. Raises `RegistryError`
    for a record that cannot be read; with `lenient` it is left out instead. Raises it too where
    there is none but the report that stands has some: then most likely another registry was meant.
    """
    reports_dir = Path(reports_dir)
    registry = Registry(registry_root, lenient=lenient)
    contents = collect(map(compact, registry.records()), published(registry.root))
    target = reports_dir / "tables.md"
    if not contents.records and _has_records(target):
        raise RegistryError(
            f"{registry_root} holds no record, and {target} has some: nothing was written; name "
            "the registry with --results DIR, or delete the report first"
        )
    figures = write_figures(contents, reports_dir / "figures")
    names = [path.relative_to(reports_dir).as_posix() for path in figures if path.suffix == ".svg"]
    link = Path(os.path.relpath(registry_root, reports_dir)).as_posix()
    atomic_write(target, render_tables(contents, results_link=link, figures=names).encode())
    log.info("wrote %s and %d figures", target, len(names))
    if readme is not None:
        told = with_status(readme.read_text(encoding="utf-8"), judged(contents.cells))
        atomic_write(readme, told.encode())
    if not page:
        return [target, *figures]
    html = reports_dir / "index.html"
    atomic_write(html, render_page(contents, results_link=link).encode())
    log.info("wrote %s", html)
    return [target, html, *figures]


def _has_records(tables: Path) -> bool:
    return tables.is_file() and NO_RECORDS not in tables.read_text("utf-8", errors="replace")


def write_figures(records: Iterable[Record] | Contents, folder: Path) -> list[Path]:
    """Draw every figure that there are runs for, as SVG; the paths written."""
    cells = collect(records).cells
    plots = [plot for make in FIGURES if (plot := make(cells))]
    paths = [folder / f"{plot.name}.svg" for plot in plots]
    with styled():
        for plot, path in zip(plots, paths, strict=True):
            save(plot, path)
            if plot.name == README_FIGURE:
                save(plot, path.with_suffix(".png"))
                paths = [*paths, path.with_suffix(".png")]
    return paths
