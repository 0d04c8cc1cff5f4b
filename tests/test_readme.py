"""The README says what is so: its table is the report's, its pictures, files and commands exist."""

import pkgutil
import re
import runpy
from pathlib import Path

import pytest

from suite.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
USING = (ROOT / "docs/using.md").read_text(encoding="utf-8")


def test_the_readme_is_read_in_five_minutes():
    prose = [line for line in README.splitlines() if not line.startswith("|")]
    assert len(" ".join(prose).split()) < 900
    assert max(map(len, README.splitlines())) < 160


def test_the_lines_of_python_run(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(code, {})
    assert re.search(r"authors +\d\d\.\d", capsys.readouterr().out)


def test_the_example_analysis_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["analyse_registry.py"])
    runpy.run_path("examples/analyse_registry.py", run_name="__main__")
    assert "support-statistics" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(((?!http)[^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_files_and_names_of_code_exist(page):
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"`((?:suite|baselines|tests|docs|examples)/[\w./-]*)`", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
    for name in re.findall(r"`(suite(?:\.\w+)+)(?:\(\))?`", text):
        pkgutil.resolve_name(name)


@pytest.mark.parametrize("session", sorted(set(re.findall(r"nox -s ([a-z-]+)", README + USING))))
def test_sessions_exist(session):
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert f"def {session.replace('-', '_')}(" in noxfile


def test_settings_in_commands_exist():
    named = re.findall(r"suite (?:run|list) ([a-z][a-z0-9-]*)", README + USING)
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
