"""The order of a sweep: what is started next, what is tried again, what is left."""

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from suite.launch.plans import Job
from suite.launch.terms import Terms

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
# Locks that others hold, and budgets, are looked at no more often.
_LOOK_SECONDS = 1.0
# Of a run that has stopped, or that a signal ended before it listened or when it listened no more:
# a terminal and a scheduler signal every process, and the sweep signals its runs besides.
_STOPPED = {
    code
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for code in (128 + number, -number)
}


class Workers(Protocol):
    """Where jobs run: `suite.launch.local.Local`, `suite.launch.cluster.workers.OnRay`."""

    def takes(self, job: Job) -> bool:
        """Whether `job` could be started now."""
        ...

    def start(self, job: Job, progress: Path | None) -> None:
        """Run `job`; what runs it tells the file `progress` how far it is."""
        ...

    def ended(self, seconds: float) -> Iterator[tuple[Job, int]]:
        """The jobs that have ended, with their exit codes, once there is one or time has passed."""
        ...

    def stop(self) -> None:
        """Ask every job that runs to checkpoint and leave."""
        ...


class Event(NamedTuple):
    """What has happened to a job."""

    job: Job
    what: Literal["running", "done", "again", "failed", "left"]
    """`again`: it has failed and is tried once more. `left`: to the next call."""
    code: int | None = None
    """The exit code, of what has failed."""


def conduct(
    jobs: Sequence[Job],
    workers: Workers,
    terms: Terms,
    *,
    stop: Callable[[], str | None],
    progress: Callable[[Job], Path | None] = lambda _: None,
) -> Iterator[Event]:
    """Run `jobs`, in order as far as `workers` take them, and tell what happens to each.

    A job that is claimed by somebody else waits its turn, and is done where it stands by then. What
    is not affordable is left, and everything once `stop` gives a reason: then running jobs
    checkpoint and leave. A job that fails is tried once more, after all others.
    """
    waiting, failed_once = list(jobs), set[Job]()
    running: dict[Job, ExitStack] = {}
    looked, waits = -_LOOK_SECONDS, False
    while waiting or running:
        if stop():
            workers.stop()
            yield from (Event(job, "left") for job in waiting)
            waiting.clear()
        elif time.monotonic() - looked >= _LOOK_SECONDS:
            for job in list(waiting):
                if not workers.takes(job):
                    continue
                with ExitStack() as held:
                    if (claimed := terms.claim(job)) is None:
                        continue
                    held.enter_context(claimed)
                    waiting.remove(job)
                    if terms.stands(job):
                        terms.done(job)
                        yield Event(job, "done")
                    elif not terms.affordable(job):
                        yield Event(job, "left")
                    else:
                        workers.start(job, progress(job))
                        running[job] = held.pop_all()
                        yield Event(job, "running")
            looked = time.monotonic()
            if not running and waiting and not waits:
                waits = True
                log.info("another sweep is at all that is left: waiting for it")
        for job, code in workers.ended(_POLL_SECONDS):
            looked = -_LOOK_SECONDS
            running.pop(job).close()
            if code == 0:
                terms.done(job)
                yield Event(job, "done")
            elif code in _STOPPED and stop():
                yield Event(job, "left")
            elif job not in failed_once and not stop():
                failed_once.add(job)
                waiting.append(job)
                yield Event(job, "again", code)
            else:
                yield Event(job, "failed", code)
