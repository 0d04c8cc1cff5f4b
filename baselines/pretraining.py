"""Pretraining on all tasks: paper, section 5.1.

One network learns to regress every task at once, from 25 x 10 points an iteration, and is then
tuned to a test task by gradient descent with a step size chosen on validation tasks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from baselines.gradient import GradientMethod
from baselines.options import Candidates, Count
from baselines.step_size import SOURCES, STEP_SIZES, best_step_size
from suite.data.tasks import TaskBatch, TaskStream
from suite.inner.learner import Learner, shared_outputs
from suite.inner.losses import task_losses
from suite.inner.trials import Trials
from suite.settings import Protocol


@dataclass(frozen=True, kw_only=True)
class Pretraining(GradientMethod):
    """Pretraining; as the authors do, on the support points only (main.py)."""

    name: ClassVar[str] = "pretraining"
    unheeded: ClassVar[frozenset[str]] = frozenset({"inner_lr", "inner_steps"})
    sources: ClassVar[Mapping[str, str]] = SOURCES
    step_sizes: Candidates = STEP_SIZES
    validation_tasks: Count = 600

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        config = learner.config
        outputs = shared_outputs(learner, batch.support_x)
        with torch.no_grad():
            query_outputs = shared_outputs(learner, batch.query_x)
        return task_losses(config, config.k_shot, outputs, batch.support_y), query_outputs

    def select(
        self, learner: Learner, validation: TaskStream, protocol: Protocol, trials: Trials
    ) -> dict[str, float]:
        sizes, tasks = self.step_sizes, self.validation_tasks
        return best_step_size(learner, validation, protocol, trials, sizes=sizes, tasks=tasks)
