"""CONTRIBUTING.md's recipes, done to the letter in a copy of the code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# Each command of a list, in one process, since torch takes seconds to import.
COMMANDS = """
import sys
from suite.cli import main
for line in sys.stdin.read().splitlines():
    sys.argv = ["suite", *line.split()]
    try:
        main()
    except SystemExit as left:
        assert not left.code, line
    print(chr(12))
"""


def code_of(heading: str) -> list[str]:
    """The blocks of Python below a heading."""
    assert RECIPES.count(f"\n## {heading}\n") == 1
    section = RECIPES.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def copy(tmp_path):
    for folder in ("suite", "baselines"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=skipped)
    return tmp_path


def written(folder: Path, code: str) -> None:
    """Write `code` to the file that its first line names."""
    path = folder / code.splitlines()[0].removeprefix("# ")
    assert not path.exists()
    path.write_text(code, encoding="utf-8")


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def printed(folder: Path, *commands: str) -> list[str]:
    """What each of the `commands` prints in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        input="\n".join(commands),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(chr(12))


def test_a_method_a_data_set_and_a_setting_run(copy):
    """What the recipes name is written; nothing else is touched."""
    method, entry = code_of("Add a method")
    written(copy, method)
    first = "METHODS: dict[str, MethodEntry] = {\n"
    replaced(copy / "suite/settings/methods.py", first, first + entry)

    reader, entry, setting, name = code_of("Add a data set and a setting")
    written(copy, reader)
    last = "\n}\n\nIMAGE_SHAPE"
    replaced(copy / "suite/settings/datasets.py", last, f"\n{entry.rstrip()}{last}")
    written(copy, setting)
    table = copy / "suite/settings/__init__.py"
    replaced(table, "\n__all__", f"{name}\n__all__")
    replaced(table, "GLYPHS)\n", "GLYPHS, STRIPES)\n")

    small = "--iterations 2 --set hidden=[4,4,4,4] tasks_per_batch=2"
    before, data, run, after, tables, one = printed(
        copy,
        "list",
        "data stripes",
        f"run stripes-5way-1shot anil {small}",
        "list",
        "tables --show",
        "list stripes-5way-1shot",
    )[:-1]
    assert "Methods that no setting has a row for: anil\n" in before
    assert "stripes: 60 classes of 20 images, 1x28x28\n" in data
    assert "stripes-5way-1shot anil seed 0 [authors] accuracy" in run
    assert re.search(r"\bstripes-5way-1shot\W.*\banil\W.*1 x 2 it", after, re.DOTALL)
    assert "stripes-5way-1shot" in tables
    assert "this suite: drawn by a formula" in one
    report = (copy / "reports" / "tables.md").read_text(encoding="utf-8")
    assert "\n## Stripes\n\n`stripes` are drawn by a formula." in report
