"""Writes the report: `tables.md`, the figures and the page, from the registry and nothing else."""

import logging
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from suite.errors import RegistryError
from suite.files import atomic_write
from suite.registry import Record, Registry
from suite.registry.store import collector_at_rest
from suite.report.cells import Contents, collect
from suite.report.figures import accuracy_steps, learning_curves, return_steps, sinusoid_steps
from suite.report.fits import sinusoid_fits
from suite.report.html import render_page
from suite.report.origins import NO_RECORDS
from suite.report.render import render_tables
from suite.report.status import with_status
from suite.report.style import save, styled
from suite.report.verdicts import judged
from suite.settings import ENVIRONMENTS
from suite.settings.datasets import IMAGE_SHAPE

log = logging.getLogger(__name__)


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
    contents = collect(Registry(registry_root, lenient=lenient).load())
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
    """Draw every figure that there are runs for; the paths written, as SVG and PNG."""
    cells = collect(records).cells
    drawings: dict[str, Callable[[], Figure | None]] = {
        "sinusoid-steps": partial(sinusoid_steps, cells),
        "sinusoid-fits": partial(sinusoid_fits, cells),
        "return-steps": partial(return_steps, cells),
        "learning-curves-return": partial(learning_curves, cells, *ENVIRONMENTS),
    }
    for dataset in IMAGE_SHAPE:
        drawings[f"accuracy-steps-{dataset}"] = partial(accuracy_steps, cells, dataset)
    for dataset in ("sinusoid", *IMAGE_SHAPE):
        drawings[f"learning-curves-{dataset}"] = partial(learning_curves, cells, dataset)
    paths = []
    with styled():
        for name, draw in drawings.items():
            figure = draw()
            if figure is not None:
                paths += save(figure, folder, name)
    return paths
