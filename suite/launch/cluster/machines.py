"""A cluster as the place where a sweep's jobs are run."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from suite.errors import MachineError, Stopped
from suite.launch.child import Relay
from suite.launch.cluster.capacity import DEFAULT_GPU_SHARE, held, share_of
from suite.launch.cluster.code import facts_of
from suite.launch.cluster.connection import connected
from suite.launch.cluster.home import Home
from suite.launch.cluster.nodes import Nodes
from suite.launch.cluster.workers import OnRay
from suite.launch.plans import Job
from suite.launch.sweep import Workers
from suite.machine import environment
from suite.registry import Registry

log = logging.getLogger(__name__)


class Stop(Protocol):
    """What says when to stop: `suite.cli.limits.Limits`."""

    def listen(self) -> None:
        """Take over the signals that ask for it."""
        ...

    def reason(self) -> str | None:
        """Why to stop now; None to go on."""
        ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a sweep is to use a cluster."""

    address: str
    allow_versions: bool
    gpu_share: float | None
    """Of one GPU, for a job; None for the usual one."""
    at_most: int | None
    timeout: float | None


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The machines that may run jobs; a `suite.launch.machines.Machines`."""

    asked: Asked
    registry: Registry
    fingerprints: Mapping[str, str]
    nodes: Nodes

    @property
    def device(self) -> torch.device:
        """A GPU where a machine has one: all jobs go to those that do."""
        gpu = any(each.report.gpu for each in self.nodes.fit.values())
        return torch.device("cuda" if gpu else "cpu")

    @property
    def device_name(self) -> str:
        """That of the first machine of the kind."""
        gpu = self.device.type == "cuda"
        return next(
            each.report.device for each in self.nodes.fit.values() if each.report.gpu == gpu
        )

    def at_once(self, jobs: Sequence[Job]) -> int:
        """How many of `jobs` run at a time. A `MachineError` where one fits nowhere."""
        machines = [each.resources for each in self.nodes.fit.values()]
        counts = {}
        for job in jobs:
            share = share_of(job, self._gpu_share)
            counts[job] = held(machines, share)
            if not counts[job]:
                gpus = f" and {share.gpus:g} of a GPU" if share.gpus else ""
                wanted = f"{share.cpus} CPU{'s' if share.cpus > 1 else ''}{gpus}"
                raise MachineError(f"no machine of the cluster has {wanted} for {job.name}")
        most = max(counts.values(), default=0)
        return most if self.asked.at_most is None else min(most, self.asked.at_most)

    def workers(self, _: Sequence[Job], folder: Path, relay: Relay) -> Workers:
        """Those of this cluster; `folder` is for what is on its way."""
        self.nodes.relay = relay
        home = Home(self.registry, folder, self.fingerprints, self.asked.timeout)
        return OnRay(self.nodes, home, relay, gpu_share=self._gpu_share, at_most=self.asked.at_most)

    @property
    def _gpu_share(self) -> float | None:
        if self.device.type == "cpu":
            return None
        return DEFAULT_GPU_SHARE if self.asked.gpu_share is None else self.asked.gpu_share


@contextmanager
def cluster(
    asked: Asked,
    registry: Registry,
    fingerprints: Mapping[str, str],
    root: Path | None,
    stop: Stop,
) -> Iterator[Cluster]:
    """The cluster, within, once all machines that are there were examined.

    `root` is the folder of the data sets. Raises `UsageError` where there is no such cluster,
    `MachineError` where no machine of it may run anything, and `Stopped` where `stop` says so.
    """
    with connected(asked.address, asked.at_most or environment.cores()):
        nodes = Nodes(
            facts_of(environment.code_folder()),
            fingerprints,
            None if root is None else root.absolute(),
            log.warning,
            allow_versions=asked.allow_versions,
        )
        # Ray has taken over SIGTERM.
        stop.listen()
        nodes.wait(stop.reason)
        if reason := stop.reason():
            raise Stopped(reason)
        yield Cluster(asked=asked, registry=registry, fingerprints=fingerprints, nodes=nodes)
