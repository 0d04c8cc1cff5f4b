"""A process that another starts ends with it, even where that one is killed by SIGKILL.

It is killed as the parent was: checkpoints outlive that, and its locks are free at once, so that
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
    """End when the process ends that asked for it by `child_environment`; return at once."""
    parent = os.environ.pop(_VARIABLE, "")
    if not parent.isdecimal():
        return
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # After the kernel was asked, since the parent may have ended before; elsewhere it is all there
    # is.
    threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
