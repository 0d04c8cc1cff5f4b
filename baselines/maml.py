"""Model-agnostic meta-learning: paper, algorithms 1 and 2.

Train the initial weights so that a few gradient steps on a task's support set lower the loss on its
query set. The meta-gradient goes through the inner steps, second derivatives included.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from baselines.method import Method
from suite.data.tasks import TaskBatch
from suite.inner.adapt import adapt
from suite.inner.loop import Order
from suite.inner.losses import task_losses
from suite.models import Network, Params
from suite.settings import Config


def meta_objective(
    network: Network, params: Params, batch: TaskBatch, config: Config, order: Order
) -> tuple[Tensor, Tensor]:
    """The mean over tasks of the query loss after the last inner step, and the query outputs."""
    *_, fast = adapt(
        network, params, batch, config, lr=config.inner_lr, steps=config.inner_steps, order=order
    )
    outputs = network.forward(fast, batch.query_x)
    return task_losses(config, config.k_shot, outputs, batch.query_y).mean(), outputs


@dataclass(frozen=True, kw_only=True)
class Maml(Method):
    """MAML with full second derivatives."""

    name: ClassVar[str] = "maml"

    def objective(
        self, network: Network, params: Params, batch: TaskBatch, config: Config
    ) -> tuple[Tensor, Tensor]:
        return meta_objective(network, params, batch, config, "second")
