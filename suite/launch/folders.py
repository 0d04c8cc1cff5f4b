"""Folders that a process has for itself, and that it removes in the end.

Each has a lock that the kernel frees however the process ends: the next process removes those of
processes that were killed.
"""

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

_LOCK = ".lock"


@contextmanager
def own_folder(home: Path, name: str | None = None) -> Iterator[Path]:
    """A new folder of this process in `home`, within; also removes what killed ones left there.

    Its name says whose it is, where no other `name` is given.
    """
    remove_left(home)
    # The last part for containers, which may have names and numbers of processes in common.
    folder = home / (name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}")
    folder.mkdir(parents=True)
    try:
        with FileLock(folder / _LOCK):
            try:
                yield folder
            finally:
                _empty(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_left(home: Path) -> None:
    """Remove the folders in `home` of processes that were killed."""
    for folder in folders(home):
        if is_over(folder):
            _empty(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _empty(folder: Path) -> None:
    """Remove all but the lock, without which nobody would find what a kill leaves half removed."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _LOCK:
            path.unlink(missing_ok=True)


def folders(home: Path) -> list[Path]:
    """Those in `home`."""
    return sorted(path.parent for path in home.glob(f"*/{_LOCK}"))


def is_over(folder: Path) -> bool:
    """Whether the process that had the folder is gone."""
    try:
        with FileLock(folder / _LOCK).acquire(timeout=0):
            return True
    except OSError:  # held, which filelock tells as a Timeout, or not to be locked at all
        return False
