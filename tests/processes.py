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


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def runs_of(pid: int) -> list[int]:
    """The processes of the `suite run`s that the process has started, read from /proc."""
    children = [
        int(each)
        for file in Path(f"/proc/{pid}/task").glob("*/children")
        for each in file.read_text().split()
    ]
    return [child for child in children if b"\0run\0" in _command_of(child)]


def _command_of(pid: int) -> bytes:
    """Its arguments, each ended by a zero byte; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
