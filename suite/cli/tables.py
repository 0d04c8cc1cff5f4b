"""`suite tables`."""

import difflib
import tempfile
from pathlib import Path

from suite.registry import Registry
from suite.report import render_overview, write_report

_SHOWN_LINES = 20


def write_tables(results: Path, reports: Path, show: bool) -> int:
    """Write the report and say where; with `show`, print its numbers in brief."""
    paths = write_report(results, reports)
    if show:
        print(render_overview(Registry(results).records()), end="\n\n")
    pictures = [path for path in paths if path.suffix == ".png"]
    print(f"wrote {reports / 'tables.md'} and {len(pictures)} pictures:")
    for path in pictures:
        print(f"  {path}")
    return 0


def check_tables(results: Path, reports: Path) -> int:
    """Whether the report that stands is the one that the registry gives; the exit code.

    The text must be equal and the pictures there. Their bytes may differ between machines.
    """
    with tempfile.TemporaryDirectory(dir=reports.parent, prefix=".reports-") as folder:
        fresh = Path(folder)
        paths = [path.relative_to(fresh) for path in write_report(results, fresh)]
        new = (fresh / "tables.md").read_text(encoding="utf-8").splitlines()
    standing = reports / "tables.md"
    old = standing.read_text(encoding="utf-8").splitlines() if standing.exists() else []
    missing = [path for path in paths if not (reports / path).exists()]
    if new == old and not missing:
        print(f"{standing} is what {results} gives")
        return 0
    differences = difflib.unified_diff(old, new, str(standing), "regenerated", lineterm="", n=0)
    for line in list(differences)[:_SHOWN_LINES]:
        print(line)
    for path in missing:
        print(f"missing: {reports / path}")
    print("the report is out of date; write it again with: nox -s tables")
    return 1
