"""How many jobs run at once on this machine, and on what each."""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from suite.launch.plans import Job
from suite.machine import environment
from suite.machine.gpu import Use
from suite.settings import ENVIRONMENTS

# More workers than these share no GPU, however little they use of it.
_MOST_ON_A_GPU = 4
_LEAST_SAMPLES = 30
"""Seconds for which a GPU is watched before another worker joins those on it."""
_FULL = 0.9


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place for one job at a time."""

    threads: int | None
    """CPU threads of torch; None for torch's own choice."""
    gpu: int | None = None
    """Its number among those that this process sees; None for whichever there is."""
    policies: bool | None = None
    """Whether it is for policies alone, or for all others alone; None for any job."""
    if_room: bool = False
    """Whether it is taken only where those on its GPU leave room."""

    def fits(self, job: Job) -> bool:
        """Whether `job` may run here."""
        return self.policies in (None, job.setting in ENVIRONMENTS)


def slots(jobs: Sequence[Job], at_once: int | None) -> list[Slot]:
    """Where `jobs` run on this machine, `at_once` at a time where that is asked for.

    On CPUs one for each core, with the cores divided among them if there are fewer jobs. One
    training fills a GPU, unless it was measured not to; but policies act on the CPU for most of an
    iteration.
    """
    cores, gpus = environment.cores(), environment.gpus()
    if not gpus:
        count = at_once or max(1, min(cores, len(jobs)))
        return [Slot(threads=threads) for threads in _divided(cores, count)]
    policies = [job.setting in ENVIRONMENTS for job in jobs]
    numbers = itertools.cycle(range(gpus))
    found = []
    if any(policies):
        # A worker on a GPU keeps a core busy.
        count = at_once or max(1, (cores - (0 if all(policies) else gpus)) // 2)
        found += [
            Slot(threads=threads, gpu=gpu, policies=True)
            for threads, gpu in zip(_divided(cores, count), numbers, strict=False)
        ]
    if not all(policies):
        found += [
            Slot(
                threads=None,
                gpu=number % gpus,
                policies=False,
                if_room=at_once is None and number >= gpus,
            )
            for number in range(at_once or _MOST_ON_A_GPU * gpus)
        ]
    return found


def _divided(cores: int, count: int) -> list[int]:
    """`cores` among `count` workers, as equal as can be and one at least."""
    return [max(1, cores // count + (index < cores % count)) for index in range(count)]


def leaves_room(seen: Sequence[Use], workers: int) -> bool:
    """Whether one more like the `workers` on a GPU fits, by its use in each of the last seconds."""
    if not workers or len(seen) < _LEAST_SAMPLES:
        return not workers
    most = max(statistics.fmean(use.busy for use in seen), max(use.memory for use in seen))
    return most * (workers + 1) / workers <= _FULL
