"""On what terms a job of a sweep is started: that nobody is at it, it lacks, and it can be paid."""

import time
from collections.abc import Mapping
from contextlib import ExitStack

from filelock import FileLock, Timeout

from suite.errors import RegistryError
from suite.files import disk_of
from suite.launch.board import claims_folder
from suite.launch.estimate import Speeds
from suite.launch.plans import Job
from suite.launch.wanted import wanted
from suite.registry import Registry


class Terms:
    """Those of jobs that are nobody else's and are run whatever it takes."""

    def claim(self, job: Job) -> ExitStack | None:
        """What keeps others from `job` until it is closed; None where somebody is at it."""
        return ExitStack()

    def stands(self, job: Job) -> bool:
        """Whether somebody else has done `job` meanwhile."""
        return False

    def affordable(self, job: Job) -> bool:
        """Whether there is time for `job`."""
        return True

    def done(self, job: Job) -> None:
        """Note that `job` is done."""


class Shared(Terms):
    """Those of a sweep that shares its registry with others, and may have a budget of seconds."""

    def __init__(
        self,
        registry: Registry,
        fingerprints: Mapping[str, str],
        speeds: Speeds,
        budget: float | None,
    ) -> None:
        self._registry, self._fingerprints, self._speeds = registry, fingerprints, speeds
        self._until = None if budget is None else time.monotonic() + budget
        self._trained: set[str] = set()

    def claim(self, job: Job) -> ExitStack | None:
        """Locks of its trainings, which the kernel frees however this process ends.

        This process is somebody too: of two jobs that share a training the second waits. Raises
        `RegistryError` where there can be no locks.
        """
        folder = claims_folder(self._registry.root)
        with ExitStack() as held:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                for name in wanted(job).trainings(job.seeds):
                    held.enter_context(FileLock(folder / f"{name}.lock").acquire(timeout=0))
            except Timeout:
                return None
            except OSError as error:
                message = f"cannot write to {folder}: {error} ({disk_of(folder)})"
                raise RegistryError(message) from error
            return held.pop_all()

    def stands(self, job: Job) -> bool:
        fingerprint = self._fingerprints.get(job.dataset)
        try:
            for seed in job.seeds:
                found = self._registry.of_seed(job.setting, job.method, seed)
                if wanted(job).lacks(found, fingerprint):
                    return False
        except RegistryError:  # its run will tell
            return False
        return True

    def affordable(self, job: Job) -> bool:
        if self._until is None:
            return True
        takes = self._speeds.seconds(job, self._trained)
        return takes is not None and time.monotonic() + takes <= self._until

    def done(self, job: Job) -> None:
        self._trained.update(wanted(job).trainings(job.seeds))
