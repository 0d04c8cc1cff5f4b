"""A folder for a while: gone after a kill too, once somebody else makes one; nobody else's is."""

import subprocess
import sys

import pytest

from suite.leftovers import passing_folder

HOLD = """
import sys, time
from pathlib import Path
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
