"""Methods that are shown the images of a task one after another, and told each label afterwards.

They adapt by what they have seen, while no weight changes. What is scored is the answer for an
image before its label is told: at the first presentation of its class, at the second, and so on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from baselines.few_shot import FewShotMethod
from suite.data.tasks import TaskBatch
from suite.errors import UsageError
from suite.inner.learner import Learner
from suite.settings import SETTINGS, Config, Protocol, QueryNorm, Setting

ONE_SHOT = 1
"""The step of the second presentation: the class was seen once before."""


def by_class(config: Config, batch: TaskBatch) -> Tensor:
    """All images of a task, those of the support first: (task, way, image, *input)."""
    parts = (x.unflatten(1, (config.n_way, -1)) for x in (batch.support_x, batch.query_x))
    return torch.cat(tuple(parts), dim=2)


def drawn_by(batch: TaskBatch) -> Tensor:
    """The keys of what is drawn for each task, (task,); see `suite.rng`."""
    assert batch.keys is not None
    return batch.keys


@dataclass(frozen=True, kw_only=True)
class ByPresentation(FewShotMethod):
    """A method whose steps are presentations: step 0 is the first time that a class is shown.

    A protocol has `k_shot` presentations before the last one, which is its query.
    """

    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(("none",))

    def check(self, setting: Setting) -> None:
        """Raise `UsageError` where the setting has no recipe for the method."""
        if self.name not in setting.recipes:
            known = ", ".join(each.id for each in SETTINGS.values() if self.name in each.recipes)
            raise UsageError(f"{self.name} does not run on {setting.id}, only on {known}")

    def check_protocol(self, config: Config, protocol: Protocol) -> None:
        super().check_protocol(config, protocol)
        if protocol.n_query != 1 or protocol.steps > protocol.k_shot:
            raise UsageError(
                f"{self.name} cannot be scored under protocol '{protocol.name}': its steps are "
                f"presentations, so n_query is 1 and steps are k_shot at most, not "
                f"{protocol.n_query} and {protocol.steps}"
            )

    def answers(self, learner: Learner, batch: TaskBatch) -> Tensor:
        """The outputs when each class is shown, (presentation, task, way, output), class by class.

        As many presentations as a class has images.
        """
        raise NotImplementedError

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        with torch.no_grad():
            return for_queries(self.answers(learner, batch)[ONE_SHOT], learner.config)

    def by_step(
        self, learner: Learner, batch: TaskBatch, steps: int, selected: dict[str, float]
    ) -> Iterator[Tensor]:
        with torch.no_grad():
            return iter(self.answers(learner, batch)[: steps + 1])


def for_queries(answers: Tensor, config: Config) -> Tensor:
    """(task, way, output) in the shape of the outputs for query sets, for the training curve."""
    return answers.repeat_interleave(config.n_query, dim=1)
