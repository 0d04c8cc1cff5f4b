"""ANIL: MAML whose inner loop adapts the last layer alone (Raghu et al. 2020)."""

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from baselines import GradientMethod
from baselines.maml import query_losses
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.models import Network, build_network
from suite.settings import Config


@dataclass(frozen=True, kw_only=True)
class Anil(GradientMethod):
    """Almost no inner loop."""

    name: ClassVar[str] = "anil"

    def network(self, config: Config, classes: int) -> Network:
        return replace(build_network(config), adapted=("head.weight", "head.bias"))

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        return query_losses(learner, batch, "second")
