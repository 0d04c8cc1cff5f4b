"""The oracle: paper, section 5.1; authors' `--baseline=oracle`.

A network that is told each sinusoid's amplitude and phase beside x, trained as pretraining is and
not adapted at test: a bound on what adaptation can reach.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from baselines.method import Method
from suite.data.tasks import TaskBatch
from suite.inner.losses import task_losses
from suite.models import Network, Params, mlp_network, per_task
from suite.settings import Config


def _informed(x: Tensor, batch: TaskBatch) -> Tensor:
    """(task, point, 1) to (task, point, 1 + parameters): each point with its task's context."""
    if batch.context is None:
        raise ValueError("the oracle needs tasks with a context")
    context = batch.context[:, None].expand(-1, x.shape[1], -1)
    return torch.cat((x, context), dim=-1)


@dataclass(frozen=True, kw_only=True)
class Oracle(Method):
    """Told the task's parameters."""

    name: ClassVar[str] = "oracle"

    def network(self, config: Config) -> Network:
        return mlp_network(config, extra_inputs=2)

    def objective(
        self, network: Network, params: Params, batch: TaskBatch, config: Config
    ) -> tuple[Tensor, Tensor]:
        shared = per_task(params, batch.support_x.shape[0])
        outputs = network.forward(shared, _informed(batch.support_x, batch))
        with torch.no_grad():
            query_outputs = network.forward(shared, _informed(batch.query_x, batch))
        return task_losses(config, config.k_shot, outputs, batch.support_y).mean(), query_outputs

    def predict(
        self,
        network: Network,
        params: Params,
        batch: TaskBatch,
        config: Config,
        steps: int,
        selected: dict[str, float],
    ) -> Iterator[Tensor]:
        shared = per_task(params, batch.query_x.shape[0])
        with torch.no_grad():
            outputs = network.forward(shared, _informed(batch.query_x, batch))
        return itertools.repeat(outputs, steps + 1)
