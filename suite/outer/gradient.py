"""The meta-gradient of a batch: for every seed the gradient of the mean of its tasks' losses."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.inner.losses import task_scores
from suite.models import Params

Objective = Callable[[Learner, TaskBatch], tuple[Tensor, Tensor]]
"""`Method.objective`: the loss of each task, and the outputs for the query sets."""


@dataclass(frozen=True, kw_only=True)
class MetaGradient:
    """Losses, scores and gradients of one meta-batch, seed by seed."""

    losses: Tensor  # (seed,) means over the tasks
    scores: Tensor  # (seed,) means over the tasks, on their query sets
    gradients: Params  # (seed, ...), in the order of the learner's weights

    def __add__(self, other: "MetaGradient") -> "MetaGradient":
        return MetaGradient(
            losses=self.losses + other.losses,
            scores=self.scores + other.scores,
            gradients={
                name: value + other.gradients[name] for name, value in self.gradients.items()
            },
        )


Gradient = Callable[[Learner, TaskBatch], MetaGradient]
"""`meta_gradient` of one objective, or what computes the same, as compiled code does."""


def meta_gradient(
    objective: Objective, learner: Learner, batch: TaskBatch, *, tasks_per_chunk: int | None = None
) -> MetaGradient:
    """The meta-gradient by autograd.

    With `tasks_per_chunk`, only that many tasks of each seed are in memory at once; the result is
    the same but for rounding.
    """
    tasks = batch.support_x.shape[0] // learner.seeds
    size = tasks_per_chunk or tasks
    if size >= tasks:
        return _share(objective, learner, batch, tasks)
    parts = (
        batch.part(learner.seeds, start, min(start + size, tasks))
        for start in range(0, tasks, size)
    )
    total = _share(objective, learner, next(parts), tasks)
    for part in parts:
        total = total + _share(objective, learner, part, tasks)
    return total


def _share(objective: Objective, learner: Learner, part: TaskBatch, tasks: int) -> MetaGradient:
    """What `part` adds to the means over `tasks` tasks of each seed."""
    losses, outputs = objective(learner, part)
    # The sum over the seeds: the gradient for each seed's weights is that seed's own.
    by_seed = losses.unflatten(0, (learner.seeds, -1)).sum(1) / tasks
    gradients = torch.autograd.grad(by_seed.sum(), list(learner.params.values()))
    scores = task_scores(learner.config, outputs.detach(), part.query_y)
    return MetaGradient(
        losses=by_seed.detach(),
        scores=scores.unflatten(0, (learner.seeds, -1)).sum(1) / tasks,
        gradients=dict(zip(learner.params, gradients, strict=True)),
    )
