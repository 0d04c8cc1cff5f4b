"""The process that runs a job: a `suite run` of its own, whose lines are relayed.

It ends with the process that started it (`suite.launch.parent`), and where its time is up.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from suite.launch.parent import child_environment
from suite.launch.plans import Job

Relay = Callable[[str], None]

_GRACE_SECONDS = 30.0
"""What a job has to leave once its time is up, before it is killed."""


def command(job: Job, options: Sequence[str]) -> list[str]:
    """The command line that runs `job`."""
    iterations = [] if job.iterations is None else ["--iterations", str(job.iterations)]
    seeds = ["--seeds", *map(str, job.seeds)]
    schedule = ["--schedule", "short"] if job.short else []
    changes = ["--set", *job.changes] if job.changes else []
    protocols = ["--protocols", *job.protocols] if job.protocols else []
    return [
        *(sys.executable, "-m", "suite", "run", job.setting, job.method),
        *(*seeds, *schedule, *iterations, *changes, *protocols, *options),
    ]


class Child:
    """The process of one job.

    Each line that it prints goes to `relay`, and when there are no more `over` is called: both from
    a thread. One that takes longer than `timeout` seconds is ended by `hurry`.
    """

    def __init__(
        self,
        job: Job,
        options: Sequence[str],
        relay: Relay,
        over: Callable[[], None],
        *,
        own: Mapping[str, str],
        timeout: float | None,
        folder: Path | None = None,
    ) -> None:
        """Start it in `folder`, with `own` beside the variables of this process.

        From the main thread alone: the kernel ends a process with the thread that started it.
        """
        self._job, self._relay, self._over, self._timeout = job, relay, over, timeout
        self._began, self._late = time.monotonic(), False
        self._process = subprocess.Popen(
            command(job, options),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A library below may write in any encoding: that must not end this process.
            encoding="utf-8",
            errors="replace",
            env={**child_environment(), **own},
            cwd=folder,
        )
        threading.Thread(target=self._follow, daemon=True).start()

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait()

    def leave(self) -> None:
        """Ask it to checkpoint and leave."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, if it runs still."""
        self._process.kill()

    def hurry(self) -> None:
        """End it where its time is up: in peace first, then by force."""
        over = -1.0
        if self._timeout is not None:
            over = time.monotonic() - self._began - self._timeout
        if over > 0.0 and not self._late:
            self._late = True
            self._relay(f"{self._job.name} takes longer than a job may: it is ended")
            self.leave()
        elif over > _GRACE_SECONDS:
            self.kill()

    def _follow(self) -> None:
        with self._process:
            for line in self._process.stdout or ():
                self._relay(line.rstrip("\n"))
        self._over()
