"""Jobs as processes on this machine, one in each slot.

Each job is a `suite run` of its own, so that one that fails or is killed takes nothing with it.
All of them end with this process.
"""

import contextlib
import os
import queue
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from suite.launch.board import VARIABLE
from suite.launch.child import Child, Relay
from suite.launch.plans import Job
from suite.launch.slots import Slot, leaves_room
from suite.machine import environment
from suite.machine.gpu import Use, use_of

_WATCHED_SECONDS = 60


@dataclass(frozen=True)
class _Worker:
    """A process that runs a job, and where."""

    slot: Slot
    child: Child


class Local:
    """The workers of this machine.

    Every line that a job prints goes to `relay`. One that takes longer than `timeout` seconds is
    ended.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        options: Sequence[str],
        relay: Relay,
        timeout: float | None = None,
    ) -> None:
        self._free = list(slots)
        self._options, self._relay, self._timeout = options, relay, timeout
        self._running: dict[Job, _Worker] = {}
        self._ended: queue.Queue[Job] = queue.Queue()
        self._stopping = False
        self._seen: dict[int | None, deque[Use]] = {}
        """The use of GPUs in the last seconds, since a job was last started or ended there."""
        self._looked = 0.0

    def takes(self, job: Job) -> bool:
        """Whether `job` could be started now."""
        return self._slot(job) is not None

    def start(self, job: Job, progress: Path | None) -> None:
        """Run `job`, which there is a slot for; its process tells `progress` how far it is.

        From the main thread alone.
        """
        slot = self._slot(job)
        assert slot is not None
        self._free.remove(slot)
        if progress is not None:
            progress.unlink(missing_ok=True)
        self._seen.pop(slot.gpu, None)
        threads = [] if slot.threads is None else ["--threads", str(slot.threads)]
        own = {} if progress is None else {VARIABLE: str(progress)}
        if slot.gpu is not None and environment.gpus() > 1:
            seen = os.environ.get("CUDA_VISIBLE_DEVICES")
            own["CUDA_VISIBLE_DEVICES"] = seen.split(",")[slot.gpu] if seen else str(slot.gpu)
        child = Child(
            job,
            [*self._options, *threads],
            self._relay,
            partial(self._ended.put, job),
            own=own,
            timeout=self._timeout,
        )
        self._running[job] = _Worker(slot, child)

    def ended(self, seconds: float) -> Iterator[tuple[Job, int]]:
        """The jobs that have ended, with their exit codes, once there is one or time has passed."""
        self._watch()
        with contextlib.suppress(queue.Empty):
            job = self._ended.get(timeout=seconds)
            while True:
                worker = self._running.pop(job)
                self._free = sorted([*self._free, worker.slot], key=lambda slot: slot.if_room)
                self._seen.pop(worker.slot.gpu, None)
                yield job, worker.child.wait()
                job = self._ended.get_nowait()

    def stop(self) -> None:
        """Ask every job, once, to checkpoint and leave."""
        if not self._stopping:
            self._stopping = True
            for worker in self._running.values():
                worker.child.leave()

    def _slot(self, job: Job) -> Slot | None:
        fitting = (slot for slot in self._free if slot.fits(job))
        return next((slot for slot in fitting if not slot.if_room or self._has_room(slot)), None)

    def _has_room(self, slot: Slot) -> bool:
        workers = sum(each.slot.gpu == slot.gpu for each in self._running.values())
        return leaves_room(self._seen.get(slot.gpu, ()), workers)

    def _watch(self) -> None:
        """End what is over its time, and look at the GPUs, once a second."""
        now = time.monotonic()
        if now - self._looked < 1.0:
            return
        self._looked = now
        for worker in self._running.values():
            worker.child.hurry()
        for gpu in {slot.gpu for slot in self._free if slot.if_room and slot.gpu is not None}:
            if use := use_of(torch.device("cuda", gpu)):
                self._seen.setdefault(gpu, deque(maxlen=_WATCHED_SECONDS)).append(use)
