"""What processes that were killed have left, and whose it is: the next one removes it."""

import contextlib
import glob
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ABANDONED_SECONDS = 600.0


@contextmanager
def passing_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `parent` whose name begins with `prefix`; gone afterwards.

    Its name says which process it belongs to, on which machine. Those of processes of this machine
    that are gone are removed first.
    """
    host = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())
    for left in parent.glob(f"{prefix}{host}-*-*"):
        pid = left.name.split("-")[-2]
        if pid.isdecimal() and left.is_dir() and not left.is_symlink() and _is_gone(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    folder = parent / f"{prefix}{host}-{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files beside `path` of writes to it that were killed a while ago.

    The while is for processes of other machines, whose numbers say nothing here.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*-*.tmp"):
        pid = left.name.split(".")[-2].split("-")[0]
        with contextlib.suppress(OSError):
            old = time.time() - left.stat().st_mtime > _ABANDONED_SECONDS
            if old and pid.isdecimal() and _is_gone(int(pid)):
                left.unlink()


def _is_gone(pid: int) -> bool:
    with contextlib.suppress(PermissionError, OverflowError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
    return False
