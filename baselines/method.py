"""What a method is: an objective to train on, and predictions to be scored.

To add a method, write a subclass of `Method` in a file of its own and put it into `METHODS` in
`baselines/__init__.py`. Its dataclass fields are its own hyper-parameters: they stand in the record
and in the key of a run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from suite.data.tasks import TaskBatch, TaskStream
from suite.errors import UsageError
from suite.inner.adapt import predictions
from suite.models import Network, Params, build_network
from suite.settings import Config, Protocol, Setting


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method of the paper, knowing nothing of seeds, schedules, devices and records."""

    name: ClassVar[str]
    trains: ClassVar[bool] = True
    """Whether there is a training phase; without one the initial weights are scored."""

    def check(self, setting: Setting) -> None:
        """Raise `UsageError` where the method does not apply to the setting."""
        if self.name not in setting.methods:
            known = ", ".join(setting.methods)
            raise UsageError(f"{self.name} does not run on {setting.id}, which has: {known}")

    def network(self, config: Config) -> Network:
        """The network to train."""
        return build_network(config)

    def objective(
        self, network: Network, params: Params, batch: TaskBatch, config: Config
    ) -> tuple[Tensor, Tensor]:
        """The loss to minimise over `params`, a scalar, and the outputs for the query sets.

        The outputs are (task, query, output) and serve the training curve only.
        """
        raise NotImplementedError

    def select(
        self,
        network: Network,
        params: Params,
        validation: TaskStream,
        config: Config,
        protocol: Protocol,
    ) -> dict[str, float]:
        """What is chosen on validation tasks before the test, by name: nothing by default."""
        return {}

    def predict(
        self,
        network: Network,
        params: Params,
        batch: TaskBatch,
        config: Config,
        steps: int,
        selected: dict[str, float],
    ) -> Iterator[Tensor]:
        """Yield the outputs for the query sets, (task, query, output), after 0 to `steps` steps.

        By default: gradient descent on the support set, with the `step_size` that was selected or
        else the setting's own `inner_lr`.
        """
        lr = selected.get("step_size", config.inner_lr)
        return predictions(network, params, batch, config, lr=lr, steps=steps)
