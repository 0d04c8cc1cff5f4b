"""Pretraining on all tasks: paper, section 5.1.

One network learns to regress every task at once, from (25 x 10) points an iteration, and is then
tuned to a test task by gradient descent with a step size chosen on validation tasks.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from baselines.method import Method
from baselines.step_size import STEP_SIZES, best_step_size
from suite.data.tasks import TaskBatch, TaskStream
from suite.inner.losses import task_losses
from suite.models import Network, Params, per_task
from suite.settings import Config, Protocol


@dataclass(frozen=True, kw_only=True)
class Pretraining(Method):
    """Pretraining; as the authors do, on the support points only (main.py)."""

    name: ClassVar[str] = "pretraining"
    step_sizes: tuple[float, ...] = STEP_SIZES
    validation_tasks: int = 600

    def objective(
        self, network: Network, params: Params, batch: TaskBatch, config: Config
    ) -> tuple[Tensor, Tensor]:
        shared = per_task(params, batch.support_x.shape[0])
        outputs = network.forward(shared, batch.support_x)
        with torch.no_grad():
            query_outputs = network.forward(shared, batch.query_x)
        return task_losses(config, config.k_shot, outputs, batch.support_y).mean(), query_outputs

    def select(
        self,
        network: Network,
        params: Params,
        validation: TaskStream,
        config: Config,
        protocol: Protocol,
    ) -> dict[str, float]:
        step_size = best_step_size(
            network,
            params,
            validation,
            config,
            protocol,
            candidates=self.step_sizes,
            tasks=self.validation_tasks,
        )
        return {"step_size": step_size}
