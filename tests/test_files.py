"""Writes leave the old file or the new one, and nothing else."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from suite.files import atomic_path, atomic_write, cache_dir, read_regular


def test_cache_dir_is_suite_cache_when_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path


def test_cache_dir_is_the_systems_when_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUITE_CACHE")
    assert cache_dir().name == "maml-suite"


def test_atomic_write_makes_directories_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    atomic_write(path, b"old")
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["b.json"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file_alone(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "b.json"
    atomic_write(path, b"old")
    with pytest.raises(error), atomic_path(path) as temporary:  # noqa: PT012
        temporary.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.json"]


def test_the_temporary_file_matches_no_pattern_of_a_reader(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "b.json") as temporary:
        assert temporary.parent == tmp_path
        assert list(tmp_path.glob("*.json")) == []


def test_written_files_obey_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        atomic_write(tmp_path / "b.json", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "b.json").stat().st_mode) == 0o644


def _fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [_fifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_only_regular_files_are_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A fifo without a writer would wait for ever, and /dev/zero would fill the memory."""
    path = tmp_path / "file"
    make(path)
    with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
        read_regular(path, 10)


def test_a_regular_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to(path)
    assert read_regular(tmp_path / "link", 10) == b"0123456789"
    with pytest.raises(OSError, match="10 bytes, more than the 9 that are read"):
        read_regular(path, 9)
