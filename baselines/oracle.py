"""The oracle: paper, section 5.1; authors' `--baseline=oracle`.

A network that is told each sinusoid's amplitude and phase beside x, trained as pretraining is and
not adapted at test: a bound on what adaptation can reach.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from baselines.few_shot import FewShotMethod
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner, shared_outputs
from suite.inner.losses import task_losses
from suite.models import Network, mlp_network
from suite.settings import Config


def _informed_outputs(learner: Learner, batch: TaskBatch, x: Tensor) -> Tensor:
    """The outputs for `x`, (task, point, 1), each point joined by what is told of its task."""
    if batch.told is None:
        raise ValueError("the oracle needs tasks of which it is told something")
    told = batch.told[:, None].expand(-1, x.shape[1], -1)
    return shared_outputs(learner, torch.cat((x, told), dim=-1))


@dataclass(frozen=True, kw_only=True)
class Oracle(FewShotMethod):
    """A network that is told the task's parameters."""

    name: ClassVar[str] = "oracle"
    unheeded: ClassVar[frozenset[str]] = frozenset({"inner_lr", "inner_steps"})

    def network(self, config: Config, classes: int) -> Network:
        return mlp_network(config, extra_inputs=2)

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        config = learner.config
        outputs = _informed_outputs(learner, batch, batch.support_x)
        with torch.no_grad():
            query_outputs = _informed_outputs(learner, batch, batch.query_x)
        return task_losses(config, config.k_shot, outputs, batch.support_y), query_outputs

    def outputs(self, learner: Learner, batch: TaskBatch, selected: dict[str, float]) -> Tensor:
        return _informed_outputs(learner, batch, batch.query_x)
