"""`suite report`."""

from pathlib import Path

from suite.cli.registries import registry_at
from suite.cli.tables import check_tables
from suite.report import write_report


def write_page(results: Path, reports: Path, *, lenient: bool, readme: Path | None = None) -> int:
    """Write the page, the tables and the figures, and say where."""
    root = registry_at(results).root
    paths = write_report(root, reports, page=True, lenient=lenient, readme=readme)
    pictures = sum(path.suffix == ".svg" for path in paths)
    page = reports / "index.html"
    size = page.stat().st_size / 1e6
    print(f"wrote {reports / 'tables.md'} and {pictures} pictures")
    print(f"wrote {page} ({size:.1f} MB); open it in a browser")
    return 0


def check_page(results: Path, reports: Path, *, lenient: bool, readme: Path | None = None) -> int:
    """Whether page, tables and figures are what the registry gives; the exit code."""
    return check_tables(results, reports, lenient=lenient, page=True, readme=readme)
