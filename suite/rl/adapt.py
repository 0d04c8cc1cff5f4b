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
    names: tuple[str, ...] | None = None,
) -> Params:
    """The weights (task, ...) after one step of gradient descent on those of `names`, or on all.

    `order` as in `suite.inner`: with `none` they are detached.
    """
    loss = policy_loss(batch, activation)
    steps = inner_loop(loss, params, names or tuple(params), lr=lr, steps=1, order=order)
    *_, after = steps
    return {name: value.detach() for name, value in after.items()} if order == "none" else after


def surrogate(params: Params, old: Params, batch: Trajectories) -> Tensor:
    """Minus the advantages that `params` would have had on what `old` sampled: (task,).

    The mean over a task's steps of the likelihood ratio times the advantage.
    """
    with torch.no_grad():
        before = log_density(old, batch.observations, batch.actions)
    ratio = torch.exp(log_density(params, batch.observations, batch.actions) - before)
    return -(ratio * batch.advantages * batch.weights).sum(1)
