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
    report = [narrow(row) for row in report]
    # Links start at the README's place and not at the report's.
    told = [narrow(row.replace("](results/", "](../results/")) for row in rows]
    assert [row for row in told if row not in report] == []


def narrow(row):
    """Without the padding, which hangs on what else stands in the table."""
    return re.sub(r"\s+", " ", re.sub(r"-{2,}", "-", row))


@pytest.mark.parametrize("page", ["README.md", "docs/reinforcement-learning.md"])
def test_links_lead_somewhere(page):
    path = ROOT / page
    links = re.findall(r"\]\(((?!http)[^)#]+)\)", path.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("session", re.findall(r"nox -s ([a-z-]+)", README))
def test_sessions_exist(session):
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert f"def {session.replace('-', '_')}(" in noxfile


def test_settings_in_commands_exist():
    named = re.findall(r"suite (?:run|list) ([a-z][a-z0-9-]*)", README)
    assert named
    assert set(named) <= set(SETTINGS)


def test_the_speeds_are_those_of_the_benchmark():
    benchmark = (ROOT / "reports" / "benchmark.md").read_text(encoding="utf-8")
    measured = {}
    for line in benchmark.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) > 2 and cells[1] == "second":
            measured.setdefault(cells[0], []).append(" ".join(cells[2:]))
    rows = README.split("## Speed")[1].split("\n## ")[0].splitlines()
    quoted = [row for row in rows if row.split("|")[1:2] and row.split("|")[1].strip() in measured]
    assert len(quoted) == 6
    for row in quoted:
        setting, *times, ratios = (cell.strip() for cell in row.split("|")[1:-1])
        speeds, exact = measured[setting][:2]
        assert set(re.findall(r"\d[\d,.]*\d", " ".join(times))) <= set(speeds.split())
        medians = [float(each) for each in re.findall(r"([\d.]+) \(", exact)]
        for ratio in re.findall(r"[\d.]+", ratios):
            assert any(
                abs(float(ratio) - median) <= (0.51 if float(ratio) > 20 else 0.051)
                for median in medians
            )
