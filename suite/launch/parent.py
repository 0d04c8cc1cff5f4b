"""A process ends with the one that started it, even where that is killed by SIGKILL.

It is killed as its parent was: checkpoints outlive that, and its locks are free at once, so that
the same command can be given again.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time

_VARIABLE = "SUITE_PARENT"
_POLL_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1


def child_environment() -> dict[str, str]:
    """The environment for a `suite` process that is to end with this one, and prints UTF-8."""
    own = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", _VARIABLE: str(os.getpid())}
    return {**os.environ, **own}


def end_with_parent() -> None:
    """From now on, end with the process that asked for it by `child_environment`."""
    parent = os.environ.pop(_VARIABLE, "")
    if not parent.isdecimal():
        return
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have ended before the kernel was asked, and other systems cannot be asked.
    threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
