"""Where the jobs of a sweep are run: on this machine, or on those of a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from suite.launch.child import Relay
from suite.launch.local import Local
from suite.launch.plans import Job
from suite.launch.slots import Slot, slots
from suite.launch.sweep import Workers
from suite.machine import environment


class Machines(Protocol):
    """One or more machines: `Here`, `suite.launch.cluster.machines.Cluster`."""

    @property
    def device(self) -> torch.device:
        """What most jobs run on."""
        ...

    @property
    def device_name(self) -> str:
        """The name of that device."""
        ...

    def at_once(self, jobs: Sequence[Job]) -> int:
        """How many of `jobs` run at a time."""
        ...

    def workers(self, jobs: Sequence[Job], folder: Path, relay: Relay) -> Workers:
        """Workers for `jobs`, whose lines go to `relay`; `folder` is the sweep's own."""
        ...


@dataclass(frozen=True, kw_only=True)
class Here:
    """This machine."""

    options: Sequence[str]
    """Those of every `suite run`."""
    at_most: int | None = None
    """Jobs at a time; None for as many as it holds."""
    timeout: float | None = None
    slots: Sequence[Slot] | None = None
    """Where they run; None for what `suite.launch.slots` finds."""

    @property
    def device(self) -> torch.device:
        """The GPU, where there is one."""
        return environment.choose_device("auto")

    @property
    def device_name(self) -> str:
        """What its driver or the kernel calls it."""
        return environment.device_name(self.device)

    def at_once(self, jobs: Sequence[Job]) -> int:
        """One a slot."""
        return len(self._slots(jobs))

    def workers(self, jobs: Sequence[Job], _: Path, relay: Relay) -> Workers:
        """A process in each slot."""
        return Local(self._slots(jobs), self.options, relay, self.timeout)

    def _slots(self, jobs: Sequence[Job]) -> Sequence[Slot]:
        return slots(jobs, self.at_most) if self.slots is None else self.slots
