"""The multi-task baselines: paper, appendix C.1, Table 2. Three methods, one class each.

Many regressors are trained, each on a task of its own, from random weights and on many points.
The average of their weights is then tuned to a test task by gradient descent, with a step size
chosen on validation tasks. Without regularization the weights that are averaged have nothing to do
with one another. Weight decay, or a pull towards the average of the regressors before, is there to
make them alike.

An iteration is a batch of tasks: their regressors are trained side by side, from start to end, and
join the average. So a training keeps between iterations the average, and how many have joined it
(`Network.averages`). Adam's state is a regressor's own and ends with it. The curve has the errors
of the regressors on their tasks, and of the average, before it is tuned, on validation tasks.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from baselines.following import follow
from baselines.options import Count, FromZero
from baselines.pretraining import Pretraining
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner, shared_outputs
from suite.inner.losses import task_losses
from suite.models import Network, Params, build_network, per_task
from suite.outer.optimizer import adam
from suite.settings import Config

COUNT = "regressors"
"""The name of the number of regressors that have joined the average."""
_STRENGTH = (
    "paper C.1: as strong as leaves errors below 0.02; which value of 1 and 3 times powers of ten "
    "that is: this suite, docs/numbers.md"
)


@dataclass(frozen=True, kw_only=True)
class MultiTask(Pretraining):
    """The average of regressors that were trained without regularization."""

    name: ClassVar[str] = "multi-task"
    unheeded: ClassVar[frozenset[str]] = frozenset(
        {"inner_lr", "inner_steps", "meta_grad_clip", "images_per_batch"}
    )
    sources: ClassVar[Mapping[str, str]] = {
        **Pretraining.sources,
        "updates": "this suite: as many as bring errors well below the paper's 0.02",
        "points": "this suite; the paper says 'a large amount of data'",
    }
    updates: Count = 5_000
    """Steps of Adam, of size `Config.meta_lr`, in the training of a regressor."""
    points: Count = 100
    """How many of its task's support points an update looks at; the next update has the next."""

    def network(self, config: Config, classes: int) -> Network:
        plain = build_network(config)

        def initial(generator: torch.Generator) -> Params:
            nothing = {n: torch.zeros_like(v) for n, v in plain.initial(generator).items()}
            return nothing | {COUNT: torch.zeros(1)}

        return replace(plain, initial=initial, averages=(*plain.adapted, COUNT))

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """Each regressor's error on the points that it was trained on, (task,).

        And its outputs for other points of its task, (task, query, 1). The gradient of the errors
        moves the average to where it is once these regressors have joined it: see `follow`.
        """
        config, network = learner.config, learner.network
        average = per_task(learner.params, len(batch.support_x))
        before = {name: value.detach() for name, value in average.items()}
        regressors = self._trained(learner, batch, before)
        count = config.tasks_per_batch
        share = count / (before[COUNT] + count)  # (task, 1)
        moved = {COUNT: before[COUNT] + count}
        for name, value in regressors.items():
            step = value - before[name]
            moved[name] = before[name] + _broadcast(share, step) * step
        outputs = [network.forward(regressors, x) for x in (batch.support_x, batch.query_x)]
        losses = task_losses(config, config.k_shot, outputs[0], batch.support_y)
        return losses + follow(average, moved), outputs[1]

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        return shared_outputs(learner, batch.query_x)

    def pull(self, before: Params) -> tuple[Params, Tensor] | None:
        """The weights that regularization pulls a regressor towards, (task, ...), and its strength.

        The latter is (task, 1): half of it times the squared distance is added to the loss.
        `before` has the average of the regressors before, and their `COUNT`. None is for no pull.
        """
        return None

    def _trained(self, learner: Learner, batch: TaskBatch, before: Params) -> Params:
        """A regressor for each task, (task, ...); its initial weights are a function of its key."""
        config, network = learner.config, build_network(learner.config)
        assert batch.keys is not None
        keys = batch.keys.tolist()
        drawn = [network.initial(torch.Generator().manual_seed(key)) for key in keys]
        like = next(iter(before.values()))
        params = {n: torch.stack([each[n] for each in drawn]).to(like) for n in drawn[0]}
        weights = {name: value.requires_grad_() for name, value in params.items()}
        optimizer = adam(list(weights.values()), config.meta_lr or 0.0, capturable=False)
        pull = self.pull(before)
        parts = [each.split(self.points, dim=1) for each in (batch.support_x, batch.support_y)]
        pairs = itertools.cycle(zip(*parts, strict=True))
        for x, y in itertools.islice(pairs, self.updates):
            with torch.enable_grad():
                loss = task_losses(config, config.k_shot, network.forward(weights, x), y).sum()
                gradients = torch.autograd.grad(loss, list(weights.values()))
            for (name, value), gradient in zip(weights.items(), gradients, strict=True):
                if pull is not None:
                    centre, strength = pull
                    away = value.detach() - centre[name]
                    gradient = gradient + _broadcast(strength, away) * away
                value.grad = gradient.contiguous()  # as the weights lie, for Adam
            optimizer.step()
        return {name: value.detach() for name, value in weights.items()}


@dataclass(frozen=True, kw_only=True)
class MultiTaskDecay(MultiTask):
    """The average of regressors that were trained with weight decay, of biases too."""

    name: ClassVar[str] = "multi-task-l2"
    sources: ClassVar[Mapping[str, str]] = {**MultiTask.sources, "strength": _STRENGTH}
    strength: FromZero = 3e-3
    """How strong the weight decay is: see `pull`."""

    def pull(self, before: Params) -> tuple[Params, Tensor]:
        zero = {name: torch.zeros_like(value) for name, value in before.items()}
        return zero, torch.full_like(before[COUNT], self.strength)


@dataclass(frozen=True, kw_only=True)
class MultiTaskMean(MultiTask):
    """The average of regressors, each of which was pulled towards the average of those before it.

    Nothing pulls the first.
    """

    name: ClassVar[str] = "multi-task-mean"
    sources: ClassVar[Mapping[str, str]] = {**MultiTask.sources, "strength": _STRENGTH}
    strength: FromZero = 0.1
    """How strong the pull is: see `pull`."""

    def pull(self, before: Params) -> tuple[Params, Tensor]:
        return before, self.strength * (before[COUNT] > 0)


def _broadcast(of_task: Tensor, like: Tensor) -> Tensor:
    """(task, 1) with as many axes as `like` has, (task, ...)."""
    return of_task.view(-1, *[1] * (like.ndim - 1))
