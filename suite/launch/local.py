"""Jobs as processes on this machine, several at a time.

Each job is a `suite run` of its own, so that one that fails or is killed takes nothing with it.
All of them end with this process (`suite.launch.parent`).
"""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from suite.launch.parent import child_environment
from suite.launch.plans import Job

Relay = Callable[[str], None]

_POLL_SECONDS = 0.2


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


@dataclass
class _Children:
    """The processes that run at the moment; none is started once it is closed."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    running: set[subprocess.Popen[str]] = field(default_factory=set)
    closed: bool = False

    def start(self, arguments: list[str]) -> subprocess.Popen[str] | None:
        with self.lock:
            if self.closed:
                return None
            child = subprocess.Popen(
                arguments,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # A library below may write in any encoding: that must not end this process.
                encoding="utf-8",
                errors="replace",
                env=child_environment(),
            )
            self.running.add(child)
            return child

    def close(self) -> None:
        """Ask every child, once, to checkpoint and leave."""
        with self.lock:
            if not self.closed:
                self.closed = True
                for child in self.running:
                    child.send_signal(signal.SIGTERM)


def run_jobs(
    jobs: Sequence[Job],
    options: Sequence[str],
    *,
    at_once: int,
    stop: Callable[[], str | None],
    relay: Relay,
) -> Iterator[tuple[Job, int | None]]:
    """Run `jobs`, `at_once` at a time; yield each as it ends, with its exit code.

    The code is None for a job that was not started because `stop` gave a reason: then running jobs
    checkpoint and leave. Every line that a job prints goes to `relay`.
    """
    children = _Children()

    def run(job: Job) -> int | None:
        child = children.start(command(job, options))
        if child is None:
            return None
        with child:
            for line in child.stdout or ():
                relay(line.rstrip("\n"))
        code = child.returncode
        with children.lock:
            children.running.discard(child)
        return code

    with ThreadPoolExecutor(at_once) as pool:
        futures: dict[Future[int | None], Job] = {pool.submit(run, job): job for job in jobs}
        while futures:
            done, _ = wait(futures, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            if stop():
                children.close()
            for future in done:
                yield futures.pop(future), future.result()
