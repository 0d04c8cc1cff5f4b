"""`suite tables`."""

import difflib
from pathlib import Path

from suite.cli.registries import registry_at
from suite.leftovers import passing_folder
from suite.report import render_overview, write_report

_SHOWN_LINES, _SHOWN_WIDTH = 20, 2000
_TEXTS = (".md", ".html")


def write_tables(
    results: Path, reports: Path, *, show: bool, lenient: bool, readme: Path | None = None
) -> int:
    """Write the report and say where; with `show`, print its numbers in brief."""
    registry = registry_at(results, lenient=lenient)
    paths = write_report(registry.root, reports, lenient=lenient, readme=readme)
    if show:
        print(render_overview(registry.records()), end="\n\n")
    pictures = [path for path in paths if path.suffix == ".svg"]
    print(f"wrote {reports / 'tables.md'} and {len(pictures)} pictures:")
    for path in pictures:
        print(f"  {path}")
    return 0


def check_tables(
    results: Path,
    reports: Path,
    *,
    lenient: bool,
    page: bool = False,
    readme: Path | None = None,
) -> int:
    """Whether the report that stands is the one that the registry gives; the exit code.

    The texts, with `page` that of index.html too, must be equal and the pictures there: their bytes
    may differ between machines.
    """
    registry_at(results)
    # Beside the report, since links to records lead from there.
    with passing_folder(reports.parent, ".reports-") as fresh:
        copy = None
        if readme is not None:
            copy = fresh / "status"
            copy.write_bytes(readme.read_bytes())
        written = write_report(results, fresh, page=page, lenient=lenient, readme=copy)
        paths = [path.relative_to(fresh) for path in written]
        texts = {reports / path: _lines(fresh / path) for path in paths if path.suffix in _TEXTS}
        if readme is not None and copy is not None:
            texts[readme] = _lines(copy)
    missing = [path for path in paths if not (reports / path).exists()]
    standing = {path: _lines(path) for path in texts}
    if standing == texts and not missing:
        names = " and ".join(map(str, texts))
        print(f"{names} {'are' if len(texts) > 1 else 'is'} what {results} gives")
        return 0
    for path, new in texts.items():
        name = str(path)
        differences = difflib.unified_diff(
            standing[path], new, name, "regenerated", lineterm="", n=0
        )
        for line in list(differences)[:_SHOWN_LINES]:
            print(line[:_SHOWN_WIDTH])
    for path in missing:
        print(f"missing: {reports / path}")
    session = "report" if page else "tables"
    print(f"the report is out of date; write it again with: nox -s {session}")
    return 1


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8", errors="replace").splitlines() if path.exists() else []
