"""Runs `suite` commands that die at a given moment, each in a process forked of this one.

Torch is imported once. Each line on stdin is a JSON object; the answer is one line with a process
id (`start`) or an exit code (`wait`). In a process that is started the clock of the training ticks
at every look, so that checkpoints come after a number of iterations and not of seconds, and every
file is written in two halves.
"""

import json
import mmap
import os
import signal
import struct
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from suite import cli
from suite.cli import run as cli_run
from suite.machine import environment
from suite.outer.state import TrainingState
from suite.run import supervised, train
from suite.run.evaluate import evaluate


class Death:
    """Kills this process at the `after`th event of a kind whose path begins with `below`."""

    def __init__(self, kind: str | None, below: str, after: int) -> None:
        self.kind, self.below, self.left = kind, below, after

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.kind == "any":
            counts = event in ("open", "os.rename", "os.mkdir", "os.remove", "crash.half")
            counts = counts and str(arguments[0]).startswith(self.below)
        elif self.kind == "half":
            counts = event == "crash.half" and str(arguments[0]).startswith(self.below)
        else:
            counts = event == f"crash.{self.kind}"
        self.left -= counts
        if counts and not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def write_in_halves(path: Path, data: bytes) -> int:
    with path.open("wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        sys.audit("crash.half", str(path))
        file.write(data[len(data) // 2 :])
    return len(data)


def ticking() -> SimpleNamespace:
    """A clock of one second a look."""
    ticks = iter(range(10**9))
    return SimpleNamespace(monotonic=lambda: float(next(ticks)))


def live(job: dict[str, Any]) -> None:
    """Run the command to its end, or to its death."""
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    note = mmap.mmap(os.open(job["note"], os.O_RDWR), 8)

    class Noting(cli_run.TrainingProgress):  # type: ignore[misc, name-defined]
        def __call__(self, state: TrainingState) -> None:
            struct.pack_into("q", note, 0, state.iteration)
            super().__call__(state)

    def scoring(*arguments: Any) -> Any:
        sys.audit("crash.score")
        return evaluate(*arguments)

    replaced: tuple[tuple[object, str, object], ...] = (
        (Path, "write_bytes", write_in_halves),
        (cli_run, "TrainingProgress", Noting),
        (supervised, "evaluate", scoring),
        (train, "time", ticking()),
    )
    for owner, name, own in replaced:
        setattr(owner, name, own)
    sys.argv = ["suite", *job["arguments"]]
    sys.addaudithook(Death(job["kind"], job["below"], job["after"]))
    cli.main()


def start(job: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        live(job)
    except SystemExit as left:
        code = int(left.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def main() -> None:
    environment.git_state()
    for line in sys.stdin:
        job = json.loads(line)
        if job["do"] == "start":
            answer = start(job)
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(job["pid"], 0)[1])
        print(answer, flush=True)


if __name__ == "__main__":
    main()
