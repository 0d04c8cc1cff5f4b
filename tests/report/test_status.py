"""The table of how far the reproduction has come."""

from pathlib import Path

import pytest

from suite.errors import UsageError
from suite.registry import Registry
from suite.report.cells import collect
from suite.report.tables.status import status_table, with_status
from suite.report.verdicts import judged
from suite.settings import SETTINGS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rows():
    return judged(collect(Registry(ROOT / "results").load()).cells)


def numbers(line):
    return [int(cell) if cell.strip() else 0 for cell in line.split("|")[2:-1]]


def test_every_published_number_is_counted_once(rows):
    head, _, *lines = status_table(rows).splitlines()
    assert [cell.strip() for cell in head.split("|")[3:-1]] == [
        *("reproduced", "consistent", "differs", "not enough seeds", "not run")
    ]
    *settings, total = map(numbers, lines)
    assert [each[0] for each in settings] == [
        len(setting.paper) for setting in SETTINGS.values() if setting.paper
    ]
    assert all(each[0] == sum(each[1:]) for each in (*settings, total))
    assert total == [sum(column) for column in zip(*settings, strict=True)]


def test_a_page_is_brought_up_to_date_between_its_comments(rows):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    head, begin, rest = readme.partition("<!-- status: written by `nox -s tables` -->")
    _, end, tail = rest.partition("<!-- end of status -->")
    old = f"{head}{begin}\nold\n{end}{tail}"
    assert with_status(old, rows) == f"{head}{begin}\n\n{status_table(rows)}\n\n{end}{tail}"


def test_a_page_without_the_comments_is_refused(rows):
    with pytest.raises(UsageError, match="lacks the comments"):
        with_status("# A page", rows)
