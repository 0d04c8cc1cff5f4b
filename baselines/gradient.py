"""Methods that adapt to a task by gradient descent on its support set."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from baselines.few_shot import FewShotMethod
from suite.data.tasks import TaskBatch
from suite.inner.adapt import QUERY_NORMS, predictions
from suite.inner.learner import Learner
from suite.settings import QueryNorm


@dataclass(frozen=True, kw_only=True)
class GradientMethod(FewShotMethod):
    """Gradient descent at test, with the `step_size` selected or else the setting's `inner_lr`."""

    query_norms: ClassVar[frozenset[QueryNorm]] = QUERY_NORMS

    def by_step(
        self, learner: Learner, batch: TaskBatch, steps: int, selected: dict[str, float]
    ) -> Iterator[Tensor]:
        lr = selected.get("step_size", learner.config.inner_lr)
        return predictions(learner, batch, lr=lr, steps=steps)
