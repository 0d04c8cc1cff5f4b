"""What all methods have in common; `few_shot` and `policy_method` say what each kind adds.

The dataclass fields of a method are its own hyper-parameters, its options: they stand in the record
and in the key of a run, and `--set` changes them. `baselines.options` says what each can be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Self

from suite.models import Network
from suite.settings import Config, Schedule, Setting


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method, knowing nothing of seeds, schedules, devices and records."""

    name: ClassVar[str]
    """The name of its entry in `suite.settings.methods`."""
    trained_by: ClassVar[str | None] = None
    """The method whose training this one starts from; None where it has its own."""
    training_options: ClassVar[frozenset[str]] = frozenset()
    """The fields of the method that change a training which several settings share: those that
    are for scoring alone are not among them. See `shared_config`."""
    unheeded: ClassVar[frozenset[str]] = frozenset({"images_per_batch"})
    """Fields of a configuration that change no weight, no score and no point of the curve of this
    method, beside those that nothing heeds where it runs: see `suite.settings.fields`."""
    sources: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Where the default of each option comes from, by its name. Likewise a field of the
    configuration whose value has another reason for this method than its setting or recipe says."""

    def check(self, setting: Setting) -> None:
        """Raise `UsageError` where the method does not apply to the setting: by default nowhere."""

    def on(self, schedule: Schedule) -> Self:
        """The method as it is on that schedule: where one is shortened, it may take less care.

        That gives the defaults of its options; a value that somebody has set stands on any
        schedule.
        """
        return self

    def network(self, config: Config, classes: int) -> Network:
        """The network to train.

        `classes` are those of the training split, 0 where there are none; a task has
        `config.n_way` of them.
        """
        raise NotImplementedError

    def meta_lr(self, config: Config, done: float) -> float | None:
        """The outer step size when the share `done`, in [0, 1), of all iterations is behind.

        None, the default, where it is `config.meta_lr` throughout.
        """
        return None

    def shared_config(self, config: Config) -> Config | None:
        """The configuration of a training that several settings share; None for their own.

        It depends on no option: those that change such a training are `training_options`.
        """
        return None
