"""What a method is: an objective to train on, and predictions to be scored.

To add a method, write a subclass of `Method` in a file of its own and put it into `METHODS` in
`baselines/__init__.py`. Its dataclass fields are its own hyper-parameters: they stand in the record
and in the key of a run.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from suite.data.tasks import TaskBatch, TaskStream
from suite.errors import UsageError
from suite.inner.adapt import predictions
from suite.inner.learner import Learner
from suite.models import Network, build_network
from suite.settings import Config, Protocol, Schedule, Setting


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method of the paper, knowing nothing of seeds, schedules, devices and records."""

    name: ClassVar[str]
    trains: ClassVar[bool] = True
    """Whether there is a training phase; without one the initial weights are scored."""
    trained_by: ClassVar[str | None] = None
    """The method whose training this one starts from; None where it has its own."""
    stream: ClassVar[str] = "train"
    """What it is trained on: a stream of `suite.data.source.TaskSource`."""

    def check(self, setting: Setting) -> None:
        """Raise `UsageError` where the method does not apply to the setting."""
        if self.name not in setting.methods:
            known = ", ".join(setting.methods)
            raise UsageError(f"{self.name} does not run on {setting.id}, which has: {known}")

    def on(self, schedule: Schedule) -> Self:
        """The method as it is on that schedule: where one is shortened, it may take less care."""
        return self

    def network(self, config: Config) -> Network:
        """The network to train: by default the one that `config` names."""
        return build_network(config)

    def network_for(self, config: Config, classes: int) -> Network:
        """Likewise, where so many training classes are there; by default that says nothing."""
        return self.network(config)

    def shared_config(self, config: Config) -> Config | None:
        """Where settings share a training, the configuration that it has for all of them."""
        return None

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """The loss of each task, (task,), whose mean is minimised over the learner's weights.

        And the outputs for the query sets, (task, query, output), for the training curve.
        """
        raise NotImplementedError

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        """The outputs for the query sets, (task, query, output), of validation tasks."""
        return self.objective(learner, batch)[1]

    def selection(self, protocol: Protocol) -> Hashable:
        """What `select` depends on: protocols with an equal value share its result."""
        return protocol

    def select(
        self, learner: Learner, validation: TaskStream, protocol: Protocol
    ) -> dict[str, float]:
        """What is chosen on validation tasks before the test, by name: nothing by default."""
        return {}

    def predict(
        self, learner: Learner, batch: TaskBatch, steps: int, selected: dict[str, float]
    ) -> Iterator[Tensor]:
        """Yield the outputs for the query sets, (task, query, output), after 0 to `steps` steps.

        By default: gradient descent on the support set, with the `step_size` that was selected or
        else the setting's own `inner_lr`.
        """
        lr = selected.get("step_size", learner.config.inner_lr)
        return predictions(learner, batch, lr=lr, steps=steps)
