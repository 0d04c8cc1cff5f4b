"""A plan held to the registry: what stands, what is left, and what that will take."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from suite.launch.estimate import Speeds
from suite.launch.grouping import seeds_that_pay
from suite.launch.plans import Job, merged
from suite.launch.wanted import wanted
from suite.machine import environment
from suite.registry import Record
from suite.settings import SETTINGS


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What is to be done."""

    standing: tuple[Job, ...]
    """One seed a job."""
    left: tuple[Job, ...]
    """In the order in which they are to be started; seeds that pay together are one job."""
    seconds: Mapping[Job, float | None]
    """What each that is left takes on one worker; None where no record tells."""
    speeds: Speeds

    @property
    def unknown(self) -> int:
        """How many are left of which no record tells what they take."""
        return sum(each is None for each in self.seconds.values())

    @property
    def known_seconds(self) -> float:
        """What those take together of which it is known."""
        return math.fsum(each for each in self.seconds.values() if each is not None)


def held_to(
    jobs: Sequence[Job],
    records: Sequence[Record],
    *,
    device: torch.device,
    fingerprints: Mapping[str, str],
    cheapest: bool,
    speeds: Speeds | None = None,
) -> Planned:
    """Which of `jobs`, one seed each, stand among `records`, and what the others take on `device`.

    `fingerprints` are of the data sets that are known to be used, `speeds` by default those of
    `records`. Raises `UsageError` where a method does not run on its setting.
    """
    of_seed: dict[tuple[str, str, int], list[Record]] = defaultdict(list)
    for record in records:
        of_seed[record.setting, record.method, record.seed].append(record)

    def stands(job: Job) -> bool:
        there = of_seed.get((job.setting, job.method, job.seeds[0]), ())
        return not wanted(job).lacks(there, fingerprints.get(job.dataset))

    standing = tuple(job for job in jobs if stands(job))
    done = set(standing)
    left = merged(
        [job for job in jobs if job not in done],
        lambda job: seeds_that_pay(SETTINGS[job.setting].config, device) is None,
    )
    speeds = speeds or Speeds(records, environment.device_name(device))
    if cheapest:
        alone = {job: speeds.seconds(job, ()) for job in left}
        left.sort(key=lambda job: math.inf if (found := alone[job]) is None else found)
    trained: set[str] = set()
    seconds = {}
    for job in left:
        # A training that several of them share counts for the first.
        seconds[job] = speeds.seconds(job, trained)
        trained.update(wanted(job).trainings(job.seeds))
    return Planned(standing=standing, left=tuple(left), seconds=seconds, speeds=speeds)
