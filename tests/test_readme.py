"""The README says what is so: its table is the report's, its pictures, files and commands exist."""

import re
from pathlib import Path

import pytest

from suite.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_head_is_that_of_the_report():
    head = README.split("## What stands in the registry")[1].split("## Reproduce")[0]
    rows = [line for line in head.splitlines() if line.startswith("|")]
    assert len(rows) >= 3
    report = (ROOT / "reports" / "tables.md").read_text(encoding="utf-8").splitlines()
    # Links start at the README's place and not at the report's.
    assert [row for row in rows if row.replace("](results/", "](../results/") not in report] == []


def test_links_lead_somewhere():
    links = re.findall(r"\]\(((?!http)[^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("session", re.findall(r"nox -s ([a-z-]+)", README))
def test_sessions_exist(session):
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert f"def {session.replace('-', '_')}(" in noxfile


def test_settings_in_commands_exist():
    named = re.findall(r"suite (?:run|list) ([a-z0-9-]+)", README)
    assert named
    assert set(named) <= set(SETTINGS)
