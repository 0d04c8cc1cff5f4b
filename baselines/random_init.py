"""Random initialization: the untrained network, tuned to each test task.

What gradient descent alone does; the paper plots it for reinforcement learning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from baselines.gradient import GradientMethod
from baselines.options import Candidates, Count
from baselines.step_size import SOURCES, STEP_SIZES, best_step_size
from suite.data.tasks import TaskStream
from suite.inner.learner import Learner
from suite.inner.trials import Trials
from suite.settings import Protocol


@dataclass(frozen=True, kw_only=True)
class RandomInit(GradientMethod):
    """No training; the step size is chosen on validation tasks."""

    name: ClassVar[str] = "random-init"
    unheeded: ClassVar[frozenset[str]] = frozenset(
        {"inner_lr", "inner_steps", "k_shot", "n_query", "tasks_per_batch", "meta_lr"}
        | {"meta_grad_clip"}
    )
    sources: ClassVar[Mapping[str, str]] = SOURCES
    step_sizes: Candidates = STEP_SIZES
    validation_tasks: Count = 600

    def select(
        self, learner: Learner, validation: TaskStream, protocol: Protocol, trials: Trials
    ) -> dict[str, float]:
        sizes, tasks = self.step_sizes, self.validation_tasks
        return best_step_size(learner, validation, protocol, trials, sizes=sizes, tasks=tasks)
