"""What the records of a job must say, and which of its seeds have them already."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from baselines import method_of, trainer_of
from baselines.options import options_of
from suite.launch.plans import Job
from suite.registry import Record
from suite.run.resume import title_of
from suite.settings import METHODS, Config, Protocol, Schedule, Setting, get_setting


def asked(
    setting: Setting, method: str, iterations: int | None, *, short: bool
) -> tuple[Schedule, tuple[Protocol, ...]]:
    """How long to train and how to score: as planned, but for `iterations` where they are given."""
    protocols = setting.recipe(method).protocols
    if short:
        planned, protocols = setting.short(method)
        iterations = iterations or planned
    return setting.schedule(iterations if METHODS[method].trains else 0, method), protocols


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the records of a job say, but for their seed and data."""

    config: Config
    options: Mapping[str, Any]
    schedule: Schedule
    protocols: tuple[Protocol, ...]
    methods: tuple[str, ...]
    """Whose records a run of it writes: its own, and that of a pretraining that it starts from."""
    owner: str
    """What the training is of: the setting, or its data set where several settings share it."""
    trainer: str
    """The method that trains."""

    @property
    def trained(self) -> str:
        """Names what is trained, but for its length and seed; it is a name for a file."""
        return f"{self.owner}-{self.trainer}"

    def lacks(
        self, records: Iterable[Record], fingerprint: str | None = None
    ) -> tuple[Protocol, ...]:
        """The protocols under which none of `records`, of one setting, method and seed, is a score.

        Records of other data than that of the `fingerprint` do not count, where it is known.
        """
        found = {
            record.protocol
            for record in records
            if record.status == "completed"
            and fingerprint in (None, record.data.fingerprint)
            and (record.config, record.schedule) == (self.config, self.schedule)
            and record.options == self.options
        }
        return tuple(protocol for protocol in self.protocols if protocol not in found)

    def trainings(self, seeds: Iterable[int]) -> list[str]:
        """A name for the training of each seed."""
        return [f"{self.trained}-{self.schedule.iterations}-seed-{seed}" for seed in seeds]

    def titles(self, seeds: Iterable[int]) -> list[str]:
        """The training of each seed in words, as its checkpoint has it."""
        length = self.schedule.iterations
        return [title_of(self.owner, self.trainer, seed, length) for seed in seeds]


def wanted(job: Job) -> Wanted:
    """What the records of `job` say. It changes no configuration and names no protocols.

    Raises `UsageError` where its method does not run on its setting.
    """
    return _wanted(job.setting, job.method, job.iterations, job.short)


@functools.cache
def _wanted(setting_id: str, name: str, iterations: int | None, short: bool) -> Wanted:
    setting = get_setting(setting_id)
    schedule, protocols = asked(setting, name, iterations, short=short)
    method = method_of(setting, name, schedule)
    method.check(setting)
    trainer, config = trainer_of(setting, method, schedule), setting.recipe(name).config
    shared = trainer.shared_config(config) is not None
    return Wanted(
        config=config,
        options=options_of(method),
        schedule=schedule,
        protocols=protocols,
        methods=tuple(dict.fromkeys((name, trainer.name))),
        owner=config.dataset if shared else setting_id,
        trainer=trainer.name,
    )
