"""How far the reproduction has come: one row a setting, for the tables and the README."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from suite.errors import UsageError
from suite.report.tables import text
from suite.report.verdicts import Judged

_OUTCOMES = ("reproduced", "consistent", "differs", "not enough seeds", "not run")
_BEGIN, _END = "<!-- status: written by `nox -s tables` -->", "<!-- end of status -->"


def status_table(rows: Sequence[Judged]) -> str:
    """How many published numbers of each setting have which verdict, as a Markdown table."""
    shown = [
        _row(setting.title, Counter(row.verdict.outcome for row in group))
        for setting, group in groupby(rows, key=lambda row: row.setting)
    ]
    shown.append(_row("**all**", Counter(row.verdict.outcome for row in rows)))
    return text.table(("setting", "the paper's numbers", *_OUTCOMES), shown)


def _row(title: str, counts: Counter[str]) -> list[str]:
    return [title, str(counts.total()), *(str(counts[each] or "") for each in _OUTCOMES)]


def with_status(page: str, rows: Sequence[Judged]) -> str:
    """The Markdown text `page` with today's table between its two comments.

    Raises `UsageError` where the text does not have each of them once.
    """
    if page.count(_BEGIN) != 1 or page.count(_END) != 1:
        raise UsageError(f"the page to show the status in lacks the comments {_BEGIN} and {_END}")
    head, _, rest = page.partition(_BEGIN)
    tail = rest.partition(_END)[2]
    return f"{head}{_BEGIN}\n\n{status_table(rows)}\n\n{_END}{tail}"
