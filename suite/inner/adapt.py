"""Adapt to the support sets of a batch of tasks, then look at the query sets."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.inner.loop import Order, inner_loop
from suite.inner.losses import task_losses
from suite.models import Params, normalise_by_first, per_task
from suite.models.network import Forward
from suite.settings import QueryNorm

QUERY_NORMS: frozenset[QueryNorm] = frozenset(
    ("batch-statistics", "support-statistics", "one-query", "none")
)
"""The norms that `of_queries` can carry out."""


def adapt(
    learner: Learner, batch: TaskBatch, *, lr: float, steps: int, order: Order
) -> Iterator[Params]:
    """Yield each task's weights after 0, 1, ..., `steps` gradient steps on its support set.

    See `inner_loop` for `order`.
    """
    config, network = learner.config, learner.network
    tasks, examples = batch.support_x.shape[:2]
    k_shot = examples // config.n_way

    def support_loss(fast: Params) -> Tensor:
        outputs = network.forward(fast, batch.support_x)
        return task_losses(config, k_shot, outputs, batch.support_y).sum()

    start = per_task(network.arranged(learner.params), tasks)
    return inner_loop(support_loss, start, network.adapted, lr=lr, steps=steps, order=order)


def predictions(learner: Learner, batch: TaskBatch, *, lr: float, steps: int) -> Iterator[Tensor]:
    """Yield the outputs for the query sets, (task, query, output), after 0 to `steps` steps."""
    for fast in adapt(learner, batch, lr=lr, steps=steps, order="none"):
        with torch.no_grad():
            outputs = of_queries(learner, learner.network.forward, fast, batch)
        yield outputs


def of_queries(learner: Learner, function: Forward, weights: Params, batch: TaskBatch) -> Tensor:
    """`function` of the query sets, (task, query, ...), normalised as `learner.query_norm` says.

    `function` is the forward pass or the features of the learner's network; `weights` has one set
    of weights a task. Every method that scores queries by a batch's statistics calls this.
    """
    if learner.query_norm not in ("support-statistics", "one-query"):
        return function(weights, batch.query_x)
    support = batch.support_x.shape[1]
    if learner.query_norm == "support-statistics":
        both = torch.cat((batch.support_x, batch.query_x), dim=1)
        by_support = partial(normalise_by_first, count=support)
        return function(weights, both, statistics=by_support)[:, support:]
    alone = [
        function(weights, torch.cat((batch.support_x, query), dim=1))[:, support:]
        for query in batch.query_x.split(1, dim=1)
    ]
    return torch.cat(alone, dim=1)
