"""What a job takes of a machine, and how many jobs the machines hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from suite.launch.plans import Job
from suite.settings import ENVIRONMENTS

DEFAULT_GPU_SHARE = 0.8
"""The rest is for policies, which act on the CPU for most of an iteration."""
_POLICIES_GPU = 0.02

Resources = Mapping[str, float]
"""What a machine has, as Ray names it: CPU, GPU."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a job takes."""

    cpus: int
    gpus: float
    """Of one GPU."""
    threads: int | None
    """CPU threads of torch; None for torch's own choice."""


def share_of(job: Job, gpu_share: float | None) -> Share:
    """A core, and where the machines have GPUs that share of one.

    `gpu_share` is None where they have none. Policies have two cores and little of a GPU.
    """
    if gpu_share is None:
        return Share(cpus=1, gpus=0.0, threads=1)
    if job.setting in ENVIRONMENTS:
        return Share(cpus=2, gpus=_POLICIES_GPU, threads=2)
    return Share(cpus=1, gpus=gpu_share, threads=None)


def held(machines: Iterable[Resources], share: Share) -> int:
    """How many jobs of that share they hold together."""
    return sum(_held(machine, share) for machine in machines)


def _held(machine: Resources, share: Share) -> int:
    by_cpu = int(machine.get("CPU", 0.0) // share.cpus)
    if not share.gpus:
        return by_cpu
    # A job takes its share of one GPU: what is left of two is not added up.
    return min(by_cpu, int(machine.get("GPU", 0.0)) * int(1.0 / share.gpus + 1e-9))


def fits(machines: Iterable[Resources], running: Iterable[Share], another: Share) -> bool:
    """Whether the machines hold `another` beside those that run.

    Each takes of all machines what it would if all others were like it.
    """
    machines = list(machines)
    counts = [held(machines, share) for share in (*running, another)]
    return all(counts) and sum(1.0 / count for count in counts) <= 1.0 + 1e-9
