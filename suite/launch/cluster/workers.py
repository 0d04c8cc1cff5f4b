"""The workers of a cluster: each job is a task of Ray, which finds a machine for it."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from suite.errors import SuiteError
from suite.launch.child import Relay
from suite.launch.cluster.capacity import Share, fits, share_of
from suite.launch.cluster.home import Home
from suite.launch.cluster.nodes import Nodes
from suite.launch.cluster.post import Post
from suite.launch.cluster.task import run_job
from suite.launch.plans import Job

_RETRIES = 10
"""How often Ray starts a job again whose machine was lost."""
_ANSWER_SECONDS = 120.0
_FAULT = 70
_STOPPED = 128 + signal.SIGTERM


@dataclass(kw_only=True)
class _Task:
    """A job that was handed to Ray."""

    number: int
    job: Job
    share: Share
    progress: Path | None
    begun: bool = False
    """Whether it runs already; else it waits for a machine."""


class OnRay:
    """The machines of a cluster as workers of a sweep.

    A job is taken while all that run would fit on the machines at once, so that what waits is free
    for other sweeps, and its place in the order is decided when it can begin. At most `at_most` are
    taken, where that is given.
    """

    def __init__(
        self,
        nodes: Nodes,
        home: Home,
        relay: Relay,
        *,
        gpu_share: float | None,
        at_most: int | None,
    ) -> None:
        self._nodes, self._home, self._relay = nodes, home, relay
        self._gpu_share, self._at_most = gpu_share, at_most
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor: Any = ray.remote(Post)
        self._post = actor.options(num_cpus=0, scheduling_strategy=here).remote()
        self._run: Any = ray.remote(run_job)
        self._tasks: dict[Any, _Task] = {}
        self._count = 0
        self._failed: list[tuple[Job, int]] = []
        self._stopping = False

    def takes(self, job: Job) -> bool:
        """Whether `job` could be started now."""
        if self._at_most is not None and len(self._tasks) >= self._at_most:
            return False
        running = [task.share for task in self._tasks.values()]
        machines = [each.resources for each in self._nodes.fit.values()]
        return fits(machines, running, share_of(job, self._gpu_share))

    def start(self, job: Job, progress: Path | None) -> None:
        """Run `job`; how far it is will be told to the file `progress`."""
        share = share_of(job, self._gpu_share)
        if progress is not None:
            progress.unlink(missing_ok=True)
        self._count += 1
        try:
            errand = self._home.errand(self._count, job, share.threads)
        except SuiteError as error:
            self._relay(f"{job.name}: {error}")
            self._failed.append((job, error.exit_code))
            return
        ref = self._run.options(
            name=job.name,
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            max_retries=_RETRIES,
            label_selector={"ray.io/node-id": f"in({','.join(self._nodes.fit)})"},
        ).remote(errand, self._post)
        self._tasks[ref] = _Task(number=self._count, job=job, share=share, progress=progress)

    def ended(self, seconds: float) -> Iterator[tuple[Job, int]]:
        """The jobs that have ended, with their exit codes, once there is one or time has passed.

        What has come of all jobs is put where it belongs. Raises `RegistryError` where a record
        cannot be written, and `MachineError` where no machine is left.
        """
        failed, self._failed = self._failed, []
        yield from failed
        ready: list[Any] = []
        if self._tasks:
            ready = ray.wait([*self._tasks], num_returns=1, timeout=seconds)[0]
        else:
            time.sleep(seconds)
        self._nodes.look()
        # After it was looked which have ended: all that those had to tell is there.
        self._take_in()
        for ref in ready:
            task = self._tasks.pop(ref)
            self._post.forget.remote(task.number)
            yield task.job, self._code(ref, task.job)

    def stop(self) -> None:
        """Ask every job, once, to checkpoint and leave; those that wait for a machine are over."""
        if not self._stopping:
            self._stopping = True
            ray.get(self._post.stop.remote(), timeout=_ANSWER_SECONDS)
            self._take_in()
            for ref, task in self._tasks.items():
                if not task.begun:
                    ray.cancel(ref)

    def _take_in(self) -> None:
        """Put all that has come where it belongs, also what a machine left that is lost."""
        by_number = {task.number: task for task in self._tasks.values()}
        for news in ray.get(self._post.take.remote(), timeout=_ANSWER_SECONDS):
            progress = None
            if (task := by_number.get(news.number)) is not None:
                task.begun, progress = True, task.progress
            for line in self._home.take_in(news, progress, self._nodes.unlike(news.machine)):
                self._relay(line)

    def _code(self, ref: Any, job: Job) -> int:
        """The exit code of a job whose task has ended."""
        try:
            code: int = ray.get(ref, timeout=_ANSWER_SECONDS)
        except TaskCancelledError:
            return _STOPPED
        except RayTaskError as error:
            self._relay(f"{job.name}: a fault of the suite\n{error}")
            return _FAULT
        except RayError as error:
            self._relay(f"{job.name} was lost: {' '.join(str(error).split())[:300]}")
            return -signal.SIGKILL
        return code
