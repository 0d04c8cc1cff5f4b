"""`suite report` and `suite tables`, which is the report without its page."""

import difflib
from pathlib import Path

from suite.cli.limits import Limits, ended_by_signals
from suite.cli.reading import Report, Tables
from suite.cli.registries import registry_at
from suite.report.tables.overview import render_overview
from suite.report.write import render_report, write_files

_SHOWN_LINES, _SHOWN_WIDTH = 20, 2000
_TEXTS = (".md", ".html")


def report_command(options: Report) -> int:
    """See `Report` and `Tables`; the exit code."""
    made = _check if options.check else _write
    return ended_by_signals(lambda limits: made(options, limits))


def _write(options: Report, limits: Limits) -> int:
    """Write tables and figures, and the page or the numbers in brief; the exit code."""
    reports = options.reports
    with limits.at_once():
        registry = registry_at(options.results, lenient=options.lenient)
        files = _rendered(options)
        show = isinstance(options, Tables) and options.show
        overview = render_overview(registry.records()) if show else None
    write_files(files, options.results)
    if overview is not None:
        print(overview, end="\n\n")
    pictures = [path for path in files if path.suffix == ".svg"]
    print(f"wrote {reports / 'tables.md'} and {len(pictures)} pictures")
    if not isinstance(options, Tables):
        size = (reports / "index.html").stat().st_size / 1e6
        print(f"wrote {reports / 'index.html'} ({size:.1f} MB); open it in a browser")
    else:
        for path in pictures:
            print(f"  {path}")
    return 0


def _check(options: Report, limits: Limits) -> int:
    """Whether the report that stands is the one that the registry gives; the exit code.

    The texts must be equal and the pictures there: their bytes may differ between machines.
    """
    with limits.at_once():
        registry_at(options.results)
        files = _rendered(options)
    texts = {path: _lines(data) for path, data in files.items() if path.suffix in _TEXTS}
    missing = [path for path in files if not path.exists()]
    standing = {path: _lines(path.read_bytes()) if path.exists() else [] for path in texts}
    if standing == texts and not missing:
        names = " and ".join(map(str, texts))
        print(f"{names} {'are' if len(texts) > 1 else 'is'} what {options.results} gives")
        return 0
    for path, new in texts.items():
        differences = difflib.unified_diff(
            standing[path], new, str(path), "regenerated", lineterm="", n=0
        )
        for line in list(differences)[:_SHOWN_LINES]:
            print(line[:_SHOWN_WIDTH])
    for path in missing:
        print(f"missing: {path}")
    session = "tables" if isinstance(options, Tables) else "report"
    print(f"the report is out of date; write it again with: nox -s {session}")
    return 1


def _rendered(options: Report) -> dict[Path, bytes]:
    return render_report(
        options.results,
        options.reports,
        page=not isinstance(options, Tables),
        lenient=options.lenient,
        readme=options.readme,
    )


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", errors="replace").splitlines()
