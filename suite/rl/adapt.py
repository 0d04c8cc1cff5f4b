"""The inner step of reinforcement learning: a policy gradient, through `suite.inner`."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.inner.loop import Order, inner_loop
from suite.models import Params
from suite.rl.policy import Activation, log_density
from suite.rl.sampling import Trajectories


def policy_loss(batch: Trajectories, activation: Activation = F.relu) -> Callable[[Params], Tensor]:
    """REINFORCE's loss, minus the mean over a task's steps of log density times advantage; summed
    over tasks, so that its gradient for each task's weights is that task's own."""

    def loss(params: Params) -> Tensor:
        densities = log_density(params, batch.observations, batch.actions, activation)
        return -(densities * batch.advantages * batch.weights).sum()

    return loss


def adapted(
    params: Params,
    batch: Trajectories,
    lr: float,
    order: Order,
    activation: Activation = F.relu,
) -> Params:
    """The weights (task, ...) after one step of gradient descent on all of them.

    `order` as in `suite.inner`: with `none` they are detached.
    """
    if order != "none":
        return _stepped(params, batch, lr, order, activation)
    blocks = batch.blocks()
    after = [
        _stepped({name: v[tasks] for name, v in params.items()}, part, lr, order, activation)
        for tasks, part in zip(blocks, map(batch.part, blocks), strict=True)
    ]
    return {name: torch.cat([each[name] for each in after]).detach() for name in params}


def _stepped(
    params: Params, batch: Trajectories, lr: float, order: Order, activation: Activation
) -> Params:
    loss = policy_loss(batch, activation)
    *_, after = inner_loop(loss, params, tuple(params), lr=lr, steps=1, order=order)
    return after


def surrogate(params: Params, old: Params, batch: Trajectories) -> Tensor:
    """Minus the advantages that `params` would have had on what `old` sampled: (task,).

    The mean over a task's steps of the likelihood ratio times the advantage.
    """
    with torch.no_grad():
        before = log_density(old, batch.observations, batch.actions)
    ratio = torch.exp(log_density(params, batch.observations, batch.actions) - before)
    return -(ratio * batch.advantages * batch.weights).sum(1)
