"""Prototypical networks: the class whose mean support features are nearest (Snell et al. 2017).

Trained on tasks of more classes than they are scored on:

    suite run omniglot-5way-1shot prototypical-networks --set n_way=20
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from baselines import FewShotMethod
from suite.data.tasks import TaskBatch
from suite.inner.adapt import QUERY_NORMS, of_queries
from suite.inner.learner import Learner
from suite.models import Network, build_network, per_task, without_head
from suite.settings import Config, QueryNorm


@dataclass(frozen=True, kw_only=True)
class PrototypicalNetworks(FewShotMethod):
    """A softmax over negative squared distances to the prototypes."""

    name: ClassVar[str] = "prototypical-networks"
    query_norms: ClassVar[frozenset[QueryNorm]] = QUERY_NORMS
    any_way: ClassVar[bool] = True

    def network(self, config: Config, classes: int) -> Network:
        return without_head(build_network(config))

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        outputs = self.outputs(learner, batch, {})
        each = F.cross_entropy(outputs.flatten(0, 1), batch.query_y.flatten(), reduction="none")
        return each.view_as(batch.query_y).mean(1), outputs

    def outputs(self, learner: Learner, batch: TaskBatch, selected: dict[str, float]) -> Tensor:
        network = learner.network
        weights = per_task(network.arranged(learner.params), len(batch.support_x))
        support = network.features(weights, batch.support_x)  # (task, example, feature)
        query = of_queries(learner, network.features, weights, batch)
        member = F.one_hot(batch.support_y, learner.config.n_way).to(support)
        prototypes = member.mT @ support / member.sum(1)[..., None]  # (task, class, feature)
        return -(query[:, :, None] - prototypes[:, None]).square().sum(-1)
