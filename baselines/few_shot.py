"""What a method of regression or classification is: an objective, and outputs to be scored."""

import itertools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.method import Method
from suite.data.tasks import TaskBatch, TaskStream
from suite.errors import UsageError
from suite.inner.learner import Learner
from suite.inner.trials import Trials
from suite.models import Network, build_network
from suite.outer.optimizer import OuterOptimizer, adam
from suite.settings import Config, Protocol, QueryNorm


@dataclass(frozen=True, kw_only=True)
class FewShotMethod(Method):
    """A method that is trained on batches of tasks and scored on the query sets of others."""

    stream: ClassVar[str] = "train"
    """What it is trained on: a stream of `suite.data.source.TaskSource`."""
    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(("batch-statistics", "none"))
    """Whose statistics can normalise its queries: the values of `Protocol.batch_norm` that it
    honours. A class that says how outputs come about says this too, or has the two above."""
    any_way: ClassVar[bool] = False
    """Whether it can be scored on tasks of more or fewer classes than it was trained on. Then
    `suite run ... --set n_way=20` changes the training tasks alone."""
    clip_norm: ClassVar[float | None] = None
    """The greatest norm that the whole meta-gradient of a seed may have: a greater one is scaled
    down to it, after `Config.meta_grad_clip`. None for any."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if vars(cls).keys() & {"outputs", "by_step"} and "query_norms" not in vars(cls):
            # What the base class honours by its own outputs says nothing of these.
            cls.query_norms = FewShotMethod.query_norms

    def check_protocol(self, config: Config, protocol: Protocol) -> None:
        """Raise `UsageError` where the method cannot be scored as the protocol says."""
        if protocol.batch_norm not in self.query_norms:
            raise UsageError(
                f"{self.name} cannot be scored under protocol '{protocol.name}': it does not "
                f"normalise queries by {protocol.batch_norm}, only by "
                f"{', '.join(sorted(self.query_norms))}"
            )
        if protocol.n_way not in (None, config.n_way) and not self.any_way:
            raise UsageError(
                f"{self.name} is scored on {config.n_way}-way tasks, as it is trained, and "
                f"protocol '{protocol.name}' has {protocol.n_way}-way tasks"
            )

    def network(self, config: Config, classes: int) -> Network:
        """The network to train; by default the one that `config` names. See `Method.network`."""
        return build_network(config)

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """The loss of each task, (task,), whose mean is minimised over the learner's weights.

        And the outputs for the query sets, (task, query, output), for the training curve.
        """
        raise NotImplementedError

    def iterations_per_batch(self, config: Config) -> int:
        """How many iterations in a row have the same batch of tasks."""
        return 1

    def optimizer(self, params: Sequence[Tensor], lr: float, *, capturable: bool) -> OuterOptimizer:
        """What takes the outer steps, by default the paper's Adam.

        It must work element by element, since `params`, (seed, ...), are of several trainings.
        `capturable` is whether a CUDA graph is to hold a step.
        """
        return adam(params, lr, capturable=capturable)

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        """The outputs for the query sets, (task, query, output), of validation tasks."""
        return self.objective(learner, batch)[1]

    def selection(self, protocol: Protocol) -> Hashable:
        """What `select` depends on: protocols of the same weights share the result of a value."""
        return protocol

    def select(
        self, learner: Learner, validation: TaskStream, protocol: Protocol, trials: Trials
    ) -> dict[str, float]:
        """What is chosen on validation tasks before the test, by name: nothing by default.

        The means of `trials` go on where a stop has ended them.
        """
        return {}

    def outputs(self, learner: Learner, batch: TaskBatch, selected: dict[str, float]) -> Tensor:
        """The outputs for the query sets, (task, query, output).

        A method that adapts by steps overrides `by_step` instead.
        """
        raise NotImplementedError

    def by_step(
        self, learner: Learner, batch: TaskBatch, steps: int, selected: dict[str, float]
    ) -> Iterator[Tensor]:
        """Yield the outputs, (task, query, output), after 0 to `steps` steps on the support set.

        By default those of `outputs`, whatever the step.
        """
        with torch.no_grad():
            outputs = self.outputs(learner, batch, selected)
        return itertools.repeat(outputs, steps + 1)
