"""Meta-learner LSTM: Ravi and Larochelle 2017; model/lstm of their meta-learning-lstm.

The weights of a task's classifier are the cell state of an LSTM, whose gates say how much of a
weight is kept and how far it goes against its gradient. The gates see one weight at a time, by the
same parameters for all weights. The weights that every task starts from are learned with these.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, NamedTuple

import torch
from msgspec import Meta
from torch import Tensor

from baselines.few_shot import FewShotMethod
from baselines.options import Count
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.inner.losses import task_losses
from suite.models import Classifier, Network, Params, classifier_network, per_task
from suite.models.layers import MOMENTUM
from suite.settings import Config, QueryNorm

_GATES = ("lstm.weight", "lstm.bias", "gates.weight", "gates.bias")
_SMALL = math.exp(-10)


@dataclass(frozen=True, kw_only=True)
class MetaLearnerLSTM(FewShotMethod):
    """An LSTM in place of gradient descent: `inner_steps` updates on the whole support set."""

    name: ClassVar[str] = "meta-learner-lstm"
    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(
        ("running-averages", "batch-statistics")
    )
    clip_norm: ClassVar[float | None] = 0.25
    unheeded: ClassVar[frozenset[str]] = frozenset({"adapt_beta", "inner_lr", "images_per_batch"})
    sources: ClassVar[Mapping[str, str]] = {
        "units": "model/lstm/meta-learner-lstm.lua",
        "momentum": "config/lstm/train-imagenet-1shot.lua: 0.9; -5shot.lua: 0.95",
    }
    units: Count = 20
    """Units of the LSTM."""
    momentum: Annotated[float, Meta(gt=0, le=1)] | None = None
    """How far running averages go towards what an update's batch has; None for 0.9 in 1-shot and
    0.95 otherwise."""

    def network(self, config: Config, classes: int) -> Network:
        """A task's classifier with the weights that it starts from, and those of the gates.

        Running averages are a task's own, and no weights that are learned.
        """
        own = _classifier(config)

        def initial(generator: torch.Generator) -> Params:
            drawn = own.initial(generator)
            return {name: drawn[name] for name in own.adapted} | self._gates(generator)

        return Network(
            initial=initial, forward=own.forward, features=own.features, adapted=own.adapted
        )

    def _gates(self, generator: torch.Generator) -> Params:
        """Initial weights with which nearly all of a weight is kept, and a step is small."""

        def drawn(low: float, high: float, *shape: int) -> Tensor:
            return low + (high - low) * torch.rand(shape, generator=generator)

        return {
            "lstm.weight": drawn(-0.01, 0.01, 4 * self.units, 4 + self.units),
            "lstm.bias": drawn(-0.01, 0.01, 4 * self.units),
            "gates.weight": drawn(-0.01, 0.01, 2, self.units + 2),
            "gates.bias": torch.cat((drawn(4, 5, 1), drawn(-5, -4, 1))),
        }

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """The query losses after the last update, by the query sets' own statistics."""
        config = learner.config
        *_, weights = self._updated(learner, batch, config.inner_steps)
        outputs, _ = _classifier(config).train(weights, batch.query_x)
        losses = task_losses(config, config.k_shot, outputs, batch.query_y)
        # With no updates the gates have a gradient too, of 0.
        idle = torch.stack([learner.params[name].sum() for name in _GATES]).sum() * 0.0
        return losses + idle, outputs

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        as_tested = replace(learner, query_norm="running-averages")
        *_, outputs = self.by_step(as_tested, batch, learner.config.inner_steps, {})
        return outputs

    def by_step(
        self, learner: Learner, batch: TaskBatch, steps: int, selected: dict[str, float]
    ) -> Iterator[Tensor]:
        own = _classifier(learner.config)
        params = {name: value.detach() for name, value in learner.params.items()}
        for weights in self._updated(replace(learner, params=params), batch, steps):
            if learner.query_norm == "running-averages":
                yield own.forward(weights, batch.query_x)
            else:
                yield own.train(weights, batch.query_x)[0]

    def _updated(self, learner: Learner, batch: TaskBatch, steps: int) -> Iterator[Params]:
        chosen = 0.9 if learner.config.k_shot == 1 else 0.95
        momentum = chosen if self.momentum is None else self.momentum
        return updated(learner, batch, steps, momentum)


class State(NamedTuple):
    """What the gates hand on from update to update, for each weight of a seed's tasks."""

    hidden: Tensor  # (seed, unit, task*weight)
    cell: Tensor  # (seed, unit, task*weight)
    gates: Tensor  # (seed, 2, task*weight): keep and go, before the sigmoid


def updated(learner: Learner, batch: TaskBatch, steps: int, momentum: float) -> Iterator[Params]:
    """Yield each task's weights and running averages after 0 to `steps` updates.

    The averages start anew for each task and follow its support set. What the gates are told is a
    constant to gradients; the weights and the state of the gates are not.
    """
    names, tasks = learner.network.adapted, len(batch.support_x)
    start = per_task({name: learner.params[name] for name in names}, tasks)
    shapes = {name: value.shape[1:] for name, value in start.items()}
    sizes = [shape.numel() for shape in shapes.values()]

    def named(flat: Tensor) -> Params:
        parts = zip(shapes.items(), flat.split(sizes, dim=1), strict=True)
        return {name: part.unflatten(1, shape) for (name, shape), part in parts}

    averages = _fresh_averages(start)
    flat = torch.cat([value.flatten(1) for value in start.values()], dim=1)  # (task, weight)
    units, places = learner.params["lstm.bias"].shape[1] // 4, flat.numel() // learner.seeds
    nothing = flat.new_zeros(learner.seeds, units, places)
    state = State(nothing, nothing, flat.new_zeros(learner.seeds, 2, places))
    yield start | averages
    for _ in range(steps):
        with torch.enable_grad():
            here = flat.detach().requires_grad_()
            losses, moved = _support_losses(learner, named(here) | averages, batch)
            (gradient,) = torch.autograd.grad(losses.sum(), here)
        # The authors divide the gradient of the mean by the number of examples once more.
        gradient = gradient / batch.support_y.shape[1]
        flat, state = advance(learner.params, flat, gradient, losses.detach(), state)
        # The classifier's own averages move by `MOMENTUM`, and these in proportion.
        averages = {
            name: before + (momentum / MOMENTUM) * (moved[name] - before)
            for name, before in averages.items()
        }
        yield named(flat) | averages


def _classifier(config: Config) -> Classifier:
    return classifier_network(config, config.n_way)


def _fresh_averages(weights: Params) -> Params:
    averages = {}
    for name, gamma in weights.items():
        if name.endswith(".gamma"):
            averages[name.replace("gamma", "mean")] = torch.zeros_like(gamma)
            averages[name.replace("gamma", "variance")] = torch.ones_like(gamma)
    return averages


def _support_losses(learner: Learner, weights: Params, batch: TaskBatch) -> tuple[Tensor, Params]:
    """The support loss of each task, (task,), and the running averages behind it."""
    config = learner.config
    outputs, moved = _classifier(config).train(weights, batch.support_x)
    k_shot = batch.support_y.shape[1] // config.n_way
    return task_losses(config, k_shot, outputs, batch.support_y), moved


def advance(
    params: Params, flat: Tensor, gradient: Tensor, losses: Tensor, state: State
) -> tuple[Tensor, State]:
    """The weights `flat`, (task, weight), and the state after one update.

    `gradient` is (task, weight), `losses` (task,). As in model/lstm/lstm-helper.lua: an LSTM sees
    both, and the gates see its hidden units, the weight, and what they were before.
    """
    seeds, units = len(state.hidden), state.hidden.shape[1]
    told = (*scaled(losses[:, None].expand_as(gradient)), *scaled(gradient))
    inputs = torch.stack([each.reshape(seeds, -1) for each in told], dim=1)
    seen = torch.cat((inputs, state.hidden), dim=1)
    values = torch.baddbmm(params["lstm.bias"][..., None], params["lstm.weight"], seen)
    opened, proposed = values.split((3 * units, units), dim=1)
    enter, forget, show = opened.sigmoid().chunk(3, dim=1)
    cell = forget * state.cell + enter * proposed.tanh()
    hidden = show * cell.tanh()

    by_unit, by_weight, by_gate = params["gates.weight"].split((units, 1, 1), dim=2)
    gates = torch.baddbmm(params["gates.bias"][..., None], by_unit, hidden)
    gates = gates + by_weight * flat.reshape(seeds, 1, -1) + by_gate * state.gates
    keep, go = (gate.reshape(flat.shape) for gate in gates.sigmoid().unbind(1))
    return keep * flat - go * gradient, State(hidden, cell, gates)


def scaled(x: Tensor) -> tuple[Tensor, Tensor]:
    """Magnitude and sign of values, as two numbers from -1 to about 1 each.

    Andrychowicz et al. 2016, appendix A, with p = 10.
    """
    return x.abs().clamp(min=_SMALL).log() / 10, (x / _SMALL).clamp(-1, 1)
