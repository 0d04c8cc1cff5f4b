"""Model-agnostic meta-learning: paper, algorithms 1 and 2.

Train the initial weights so that a few gradient steps on a task's support set lower the loss on its
query set. The meta-gradient goes through the inner steps, second derivatives included.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from baselines.gradient import GradientMethod
from suite.data.tasks import TaskBatch
from suite.inner.adapt import adapt
from suite.inner.learner import Learner
from suite.inner.loop import Order
from suite.inner.losses import task_losses


def query_losses(learner: Learner, batch: TaskBatch, order: Order) -> tuple[Tensor, Tensor]:
    """Each task's query loss after the last inner step, (task,), and its query outputs."""
    config = learner.config
    *_, fast = adapt(learner, batch, lr=config.inner_lr, steps=config.inner_steps, order=order)
    outputs = learner.network.forward(fast, batch.query_x)
    return task_losses(config, config.k_shot, outputs, batch.query_y), outputs


@dataclass(frozen=True, kw_only=True)
class Maml(GradientMethod):
    """MAML with full second derivatives."""

    name: ClassVar[str] = "maml"

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        return query_losses(learner, batch, "second")
