"""`suite report` and `suite tables`, which is the report without its page."""

import difflib
from pathlib import Path

from suite.cli.limits import Limits
from suite.cli.registries import registry_at
from suite.report import render_overview, render_report, write_files

_SHOWN_LINES, _SHOWN_WIDTH = 20, 2000
_TEXTS = (".md", ".html")


def write(
    results: Path,
    reports: Path,
    limits: Limits,
    *,
    page: bool,
    lenient: bool,
    readme: Path | None,
    show: bool = False,
) -> int:
    """Write tables and figures, with `page` the page too; with `show`, print numbers in brief."""
    with limits.at_once():
        registry = registry_at(results, lenient=lenient)
        files = render_report(registry.root, reports, page=page, lenient=lenient, readme=readme)
        overview = render_overview(registry.records()) if show else None
    write_files(files, results)
    if overview is not None:
        print(overview, end="\n\n")
    pictures = [path for path in files if path.suffix == ".svg"]
    print(f"wrote {reports / 'tables.md'} and {len(pictures)} pictures")
    if page:
        size = (reports / "index.html").stat().st_size / 1e6
        print(f"wrote {reports / 'index.html'} ({size:.1f} MB); open it in a browser")
    else:
        for path in pictures:
            print(f"  {path}")
    return 0


def check(
    results: Path,
    reports: Path,
    limits: Limits,
    *,
    page: bool,
    lenient: bool,
    readme: Path | None,
) -> int:
    """Whether the report that stands is the one that the registry gives; the exit code.

    The texts must be equal and the pictures there: their bytes may differ between machines.
    """
    with limits.at_once():
        registry_at(results)
        files = render_report(results, reports, page=page, lenient=lenient, readme=readme)
    texts = {path: _lines(data) for path, data in files.items() if path.suffix in _TEXTS}
    missing = [path for path in files if not path.exists()]
    standing = {path: _lines(path.read_bytes()) if path.exists() else [] for path in texts}
    if standing == texts and not missing:
        names = " and ".join(map(str, texts))
        print(f"{names} {'are' if len(texts) > 1 else 'is'} what {results} gives")
        return 0
    for path, new in texts.items():
        differences = difflib.unified_diff(
            standing[path], new, str(path), "regenerated", lineterm="", n=0
        )
        for line in list(differences)[:_SHOWN_LINES]:
            print(line[:_SHOWN_WIDTH])
    for path in missing:
        print(f"missing: {path}")
    session = "report" if page else "tables"
    print(f"the report is out of date; write it again with: nox -s {session}")
    return 1


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", errors="replace").splitlines()
