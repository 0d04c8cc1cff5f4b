"""A folder for a while: gone after a kill too, once somebody else makes one; nobody else's is."""

import os
import subprocess
import sys

import pytest

from suite.files import atomic_write
from suite.leftovers import passing_folder

HOLD = """
import sys, time
from pathlib import Path
from suite.files import atomic_write
from suite.leftovers import passing_folder
with passing_folder(Path(sys.argv[1]), ".reports-") as folder:
    (folder / "tables.md").write_text("half")
    print(folder.name, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that has a folder, and the name of that."""
    arguments = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        yield process, tmp_path / process.stdout.readline().strip()
        process.kill()


def test_it_is_there_and_then_gone(tmp_path):
    def fails():
        with passing_folder(tmp_path, ".reports-") as folder:
            (folder / "below").mkdir()
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fails()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, other):
    process, theirs = other
    with passing_folder(tmp_path, ".reports-"):
        assert (theirs / "tables.md").exists()
    process.kill()
    process.wait()
    assert (theirs / "tables.md").exists()
    with passing_folder(tmp_path, ".reports-") as ours:
        assert list(tmp_path.iterdir()) == [ours]


def test_other_folders_stay(tmp_path, other):
    process, theirs = other
    process.kill()
    process.wait()
    dead = theirs.name.split("-")[-2]
    kept = [f".reports-elsewhere-{dead}-00", ".reports-mine", f".others-{dead}-00"]
    for name in kept:
        (tmp_path / name).mkdir()
    theirs.rename(tmp_path / "aside")
    theirs.symlink_to(tmp_path / "aside")
    with passing_folder(tmp_path, ".reports-"):
        pass
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*kept, "aside", theirs.name}
    assert (tmp_path / "aside" / "tables.md").exists()


def test_a_write_removes_what_killed_ones_left_of_the_same_file(tmp_path, other):
    process, _ = other
    names = {
        "gone": ".[1].md.{pid}-0a0a0a0a.tmp",
        "of another file": ".2.md.{pid}-0a0a0a0a.tmp",
        "alive": f".[1].md.{os.getpid()}-0a0a0a0a.tmp",
        "somebody's": ".[1].md.draft-1.tmp",
        "fresh": ".[1].md.{pid}-0b0b0b0b.tmp",
    }
    process.kill()
    process.wait()
    paths = {what: tmp_path / name.format(pid=process.pid) for what, name in names.items()}
    for what, path in paths.items():
        path.write_text("half")
        if what != "fresh":
            os.utime(path, (1e9, 1e9))
    atomic_write(tmp_path / "[1].md", b"whole")
    assert [what for what, path in paths.items() if not path.exists()] == ["gone"]
