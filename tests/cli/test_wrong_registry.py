"""A registry that was mistyped, may not be read or is empty costs a line, and never a report."""

import importlib
import os
import shutil
import sys
import traceback
from pathlib import Path

import pytest

from suite.cli import main
from suite.report.write import write_report

GOLDEN = Path(__file__).parents[1] / "report" / "golden" / "results"
READERS = [
    *("list", "list --missing", "tables", "tables --check", "report", "report --check"),
    *("check", "check --update", "export all.csv", "show sinusoid/maml/0"),
    *("diff sinusoid/maml/0 sinusoid/maml/1", "picture sinusoid/maml/0 a.png"),
    *("evaluate sinusoid/maml/0", "export curves --tensorboard"),
]
WITHOUT_A_REGISTRY = ("list", "list --missing", "list sinusoid")
NOBODY = 12345


def tree(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """A folder with a registry and the report on it."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(GOLDEN, folder / "results")
    write_report(folder / "results", folder / "reports", page=True)
    return folder


@pytest.fixture
def reported(example, tmp_path):
    """What stands in the test's folder: the example."""
    shutil.copytree(example, tmp_path, dirs_exist_ok=True)
    return tree(tmp_path)


@pytest.mark.parametrize("command", READERS)
def test_a_mistyped_registry_is_one_line_and_nothing_is_written(suite, tmp_path, reported, command):
    code, out, err = suite(f"{command} --results resutls")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert "no registry at resutls" in line
    assert tree(tmp_path) == reported


@pytest.mark.parametrize("command", READERS)
def test_a_folder_without_a_registry_gets_no_report(suite, tmp_path, command):
    code, out, err = suite(command)
    if command in WITHOUT_A_REGISTRY:
        assert code == 0
        assert out
    else:
        assert (code, out, err.count("\n")) == (2, "", 1)
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("command", ["tables", "report"])
def test_an_empty_registry_does_not_empty_a_report(suite, tmp_path, reported, command):
    (tmp_path / "empty").mkdir()
    code, out, err = suite(f"{command} --results empty")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert "empty holds no record, and reports/tables.md has some" in line
    assert tree(tmp_path) == reported
    # Where there is nothing to lose, the report says that there are no records.
    assert suite(f"{command} --results empty --reports new")[0] == 0
    assert suite(f"{command} --results empty --reports new")[0] == 0


def test_references_are_not_taken_of_nothing(suite, tmp_path, reported):
    code, _, err = suite("check --update --runs nowhere")
    assert (code, err.count("\n")) == (2, 1)
    assert "nowhere holds no run to take references of" in err
    assert tree(tmp_path) == reported


def as_nobody() -> None:
    """Give up the rights of root, which reads everything, Python's own modules at times too."""
    for name in ("check", "evaluate", "inspect", "listing", "picture", "report", "show"):
        importlib.import_module(f"suite.cli.{name}")
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no other user can be taken on")
@pytest.mark.parametrize("command", READERS)
def test_a_registry_that_may_not_be_read_is_one_line(suite, tmp_path, reported, command):
    closed = tmp_path / "results"
    closed.chmod(0)
    code, out, err = forked(command, tmp_path)
    closed.chmod(0o755)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert "Permission denied" in err
    assert tree(tmp_path) == reported


def forked(command: str, folder: Path) -> tuple[int, str, str]:
    """`suite COMMAND` as another user; exit code, stdout, stderr."""
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.stdout, sys.stderr = (os.fdopen(each, "w", closefd=False) for each in (1, 2))
            sys.argv = ["suite", *command.split()]
            try:
                as_nobody()
                main()
            except SystemExit as left:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(int(left.code or 0))
            finally:
                # Whatever else is raised must not go on as a second test run.
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(99)
        _, status = os.waitpid(child, 0)
    texts = [(folder / name).read_text() for name in ("out", "err")]
    for name in ("out", "err"):
        (folder / name).unlink()
    return os.waitstatus_to_exitcode(status), texts[0], texts[1]
