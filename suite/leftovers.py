"""What processes that were killed have left, and whose it is: the next one removes it."""

import contextlib
import glob
import os
import time
from pathlib import Path

_ABANDONED_SECONDS = 600.0


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
