"""Reptile: the outer step goes towards the weights adapted to each task (Nichol et al. 2018)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec
import torch
from torch import Tensor

from baselines import GradientMethod
from baselines.options import Count, Positive
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.inner.losses import task_losses
from suite.models import Network, Params, build_network, per_task
from suite.optimizers import SGD
from suite.outer.optimizer import OuterOptimizer
from suite.rng import uniform
from suite.settings import Config


@dataclass(frozen=True, kw_only=True)
class Reptile(GradientMethod):
    """Gradient descent on mini-batches of a task's examples, and a step towards where it led."""

    name: ClassVar[str] = "reptile"
    steps: Count = 5
    examples_per_step: Count = 10
    outer_lr: Positive = 1.0
    """The first outer step size; it falls linearly to 0."""

    def network(self, config: Config, classes: int) -> Network:
        # Every weight is adapted, the offsets of batch normalisation too.
        return build_network(msgspec.structs.replace(config, adapt_beta=True))

    def optimizer(self, params: Sequence[Tensor], lr: float, *, capturable: bool) -> OuterOptimizer:
        return SGD(params, lr=self.outer_lr)

    def meta_lr(self, config: Config, done: float) -> float:
        return self.outer_lr * (1.0 - done)

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """The loss of the last mini-batch, whose gradient is initial less adapted weights."""
        start = per_task(learner.params, len(batch.support_x))
        adapted, losses = self._adapted(learner, start, batch)
        way = [(start[n] * (start[n] - adapted[n]).detach()).flatten(1).sum(1) for n in start]
        step = torch.stack(way).sum(0)
        with torch.no_grad():
            outputs = learner.network.forward(adapted, batch.query_x)
        return losses + step - step.detach(), outputs

    def _adapted(self, learner: Learner, start: Params, batch: TaskBatch) -> tuple[Params, Tensor]:
        x = torch.cat((batch.support_x, batch.query_x), dim=1)
        y = torch.cat((batch.support_y, batch.query_y), dim=1)
        tasks, count = x.shape[:2]
        each = torch.arange(tasks, device=x.device)[:, None]
        fast, names = {n: v.detach() for n, v in start.items()}, list(start)
        losses = x.new_zeros(tasks)
        for step in range(self.steps):
            assert batch.keys is not None
            # A draw without replacement that is the same on every device and after a resume.
            drawn = uniform(batch.keys, torch.full_like(batch.keys, step), count)
            chosen = drawn.argsort(dim=1)[:, : self.examples_per_step]
            with torch.enable_grad():
                fast = {n: v.requires_grad_() for n, v in fast.items()}
                outputs = learner.network.forward(fast, x[each, chosen])
                losses = task_losses(learner.config, 1, outputs, y[each, chosen])
                gradients = torch.autograd.grad(losses.sum(), [fast[n] for n in names])
            pairs = zip(names, gradients, strict=True)
            fast = {n: fast[n].detach() - learner.config.inner_lr * g for n, g in pairs}
        return fast, losses.detach()
