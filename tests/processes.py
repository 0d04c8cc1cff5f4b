"""Commands of the suite as processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_Found = TypeVar("_Found")


def started(where: Path, *arguments: str) -> subprocess.Popen[str]:
    """`suite ARGUMENTS`, in the folder `where` and with a cache there; all it prints is piped."""
    environment = {**os.environ, "SUITE_CACHE": str(where / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "suite", *arguments],
        cwd=where,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition: Callable[[], _Found], seconds: float) -> _Found:
    """What it gives once that is true, which it must be within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
