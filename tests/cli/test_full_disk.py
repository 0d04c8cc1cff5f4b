"""A disk that is full stops a run, which is no failure of it, and the run goes on afterwards."""

import errno
import os

import pytest

from suite.registry import Registry
from suite.run import checkpoint

RUN = "run sinusoid maml --iterations 20 --threads 1 --device cpu --protocols 5-shot --seeds 0 1"
WHERE = "--checkpoints saved --checkpoint-every 0s"


@pytest.fixture
def full_after(monkeypatch):
    """Let so many files be synced, then let the disk be full; None for as many as one likes."""
    fsync, left = os.fsync, []

    def limited(descriptor: int) -> None:
        if left and left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if left:
            left[0] -= 1
        fsync(descriptor)

    def limit(count: int | None) -> None:
        left[:] = [] if count is None else [count]

    monkeypatch.setattr(os, "fsync", limited)
    return limit


@pytest.mark.parametrize("files", [0, 3, 20])
def test_a_run_whose_disk_is_full_is_not_recorded_and_goes_on(suite, tmp_path, full_after, files):
    full_after(files)
    code, out, err = suite(f"{RUN} {WHERE}")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert "cannot write the checkpoint saved" in line
    assert "No space left on device (the disk at /" in line
    assert Registry(tmp_path / "results").paths() == []
    full_after(None)
    assert suite(f"{RUN} {WHERE}")[0] == 0
    records = list(Registry(tmp_path / "results").records())
    assert [(each.status, each.attempt) for each in records] == [("completed", 0)] * 2
    assert all(each.timing.resumes for each in records) == (files == 20)


def test_a_record_that_finds_no_space_is_written_by_the_next_run(suite, tmp_path, monkeypatch):
    from suite.registry import store

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(store, "atomic_write", full)
        code, _, err = suite(f"{RUN} {WHERE}")
    assert code == 2
    assert "cannot write to results: [Errno 28] No space left on device (the disk at /" in err
    saved = {path: path.read_bytes() for path in tmp_path.glob("saved/*/checkpoint.pt")}
    assert len(saved) == 2
    assert suite(f"{RUN} {WHERE}")[0] == 0
    assert len(Registry(tmp_path / "results").paths()) == 2
    # Nothing was trained again.
    assert {path: path.read_bytes() for path in saved} == saved


def test_trainings_that_cannot_be_saved_anywhere_are_told(suite, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = suite(f"{RUN} --checkpoints file/below")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert "cannot save trainings in file/below" in line
    assert "Not a directory" in line


def test_temporary_files_of_a_killed_run_are_removed_by_the_next(suite, tmp_path):
    assert suite(f"{RUN} {WHERE}")[0] == 0
    (path, _) = sorted(tmp_path.glob("saved/*/checkpoint.pt"))
    left = path.with_name(".checkpoint.pt.4194305-0a0a0a0a.tmp")
    left.write_bytes(b"half")
    path.unlink()
    checkpoint.previous(path).unlink()
    for record in Registry(tmp_path / "results").paths():
        record.unlink()
    assert suite(f"{RUN} {WHERE}")[0] == 0
    assert not left.exists()
    assert path.exists()
