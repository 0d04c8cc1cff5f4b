"""Disks that take nothing more: each is named, and what stood stands."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from suite.errors import RegistryError
from suite.registry import Registry


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "results")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_disk_that_takes_nothing_is_named_and_nothing_is_left(
    registry, make_record, monkeypatch, number
):
    first = registry.write(make_record())

    def fails(descriptor):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(RegistryError, match=os.strerror(number)) as caught:
            registry.write(make_record(seed=4))
    assert str(registry.root) in str(caught.value)
    assert "the disk at /" in str(caught.value)
    assert list(first.parent.iterdir()) == [first]
    assert registry.write(make_record(seed=4)).exists()


def mounted(folder: Path, options: str) -> None:
    """A file system in memory; skips where none may be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() or shutil.which("mount") is None:
        pytest.skip("only root can mount a file system")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount a file system: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted(folder, "size=64k")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(registry, make_record) -> None:
    for seed in range(1000):
        registry.write(make_record(seed=seed))


def test_a_full_disk(small_disk, make_record):
    registry = Registry(small_disk / "results")
    with pytest.raises(RegistryError, match="No space left on device") as caught:
        fill(registry, make_record)
    assert f"the disk at {small_disk} has 0.0 MiB free" in str(caught.value)
    assert [record.seed for record in registry.records()]
    assert not list(registry.root.rglob(".*.tmp"))


def test_a_disk_that_is_read_only(small_disk, make_record):
    registry = Registry(small_disk / "results")
    path = registry.write(make_record())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(RegistryError, match="Read-only file system") as caught:
        registry.write(make_record(seed=4))
    assert str(registry.root) in str(caught.value)
    assert [registry.path(record) for record in registry.records()] == [path]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(registry, make_record):
    path = registry.write(make_record())
    path.parent.chmod(0o500)
    try:
        with pytest.raises(RegistryError, match="Permission denied"):
            registry.write(make_record(seed=4))
    finally:
        path.parent.chmod(0o700)
    assert registry.paths() == [path]


def test_whether_records_can_be_written_is_known_before(tmp_path):
    Registry(tmp_path / "new").require_writable()
    (tmp_path / "file").touch()
    with pytest.raises(RegistryError, match=f"cannot write to {tmp_path / 'file'}"):
        Registry(tmp_path / "file").require_writable()
