"""Odd places to run in: no home, ASCII terminals, full disks, folders that may not be written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "report" / "golden" / "results"
KEY = "sinusoid/maml/0"
RUN = "run sinusoid maml --iterations 10 --threads 1 --device cpu --protocols 5-shot"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
TRACEBACK = "Traceback (most recent call last)"

HELD = f"--results {GOLDEN}"
READERS = [
    *("--help", "run --help", "list", "list sinusoid", "schema", "doctor"),
    *(f"list {HELD}", f"list --missing {HELD}"),
    *(f"show {{file}} {HELD}", f"diff {{file}} {{file}} {HELD}", f"tables {HELD} --show"),
    *(f"report {HELD}", f"check {HELD} --references {ROOT}/results/references.json"),
    *(f"export all.csv {HELD}",),
]
NEED_A_CACHE = [RUN, "data glyphs", "data omniglot", f"evaluate {{file}} {HELD}"]


def a_record() -> Path:
    return next(iter(sorted((GOLDEN / "sinusoid" / "maml").glob("seed-0-*.json"))))


def called(command: str, folder: Path, **variables: str) -> tuple[int, str, str]:
    """`suite COMMAND` in `folder` with these variables alone: exit code, stdout, stderr."""
    words = [word.replace("{file}", str(a_record())) for word in command.split()]
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SUITE_LOG": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ACCOUNT, *words],
        cwd=folder,
        env=base | variables,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


# A user id without an account, as containers have them: `pwd` does not know it.
WITHOUT_ACCOUNT = """
import pwd, sys
def unknown(*_): raise KeyError("no such user")
pwd.getpwuid = pwd.getpwnam = unknown
from suite.cli import main
sys.argv[0] = "suite"
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", READERS)
def test_without_a_home_and_on_an_ascii_terminal(tmp_path, command):
    code, out, err = called(command, tmp_path, **ASCII)
    assert TRACEBACK not in err
    assert (out + err).isascii()
    expected = (0, 1, 2) if command.startswith("check") else (0,)
    assert code in expected, err
    assert not (tmp_path / "~").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", NEED_A_CACHE)
def test_what_needs_a_cache_says_so(tmp_path, command):
    code, out, err = called(command, tmp_path, **ASCII)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].endswith("set SUITE_CACHE=DIR")
    assert TRACEBACK not in err
    assert list(tmp_path.glob("*/*/*")) == []


@pytest.mark.slow
def test_seeds_are_run_on_an_ascii_terminal(tmp_path):
    cache = str(tmp_path / "cache")
    code, out, err = called(f"{RUN} --seeds 0 1", tmp_path, SUITE_CACHE=cache, **ASCII)
    assert (code, err) == (0, "")
    assert [" +- " in line for line in out.splitlines()] == [True, True]
