"""Matching networks: Vinyals et al. 2016, as their paper describes them for Omniglot.

The label of a query image is the mean of the support set's labels, weighted by a softmax over the
similarities of features (their equation 1). One embedding serves support and queries, and there
are no full-context embeddings. Optimiser, schedule and the number of queries, of which third-party
notes on the paper say nothing, are this suite's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional as F

from baselines.features import features_of_both, followed
from baselines.few_shot import FewShotMethod
from baselines.frozen import frozen_features
from baselines.options import Positive
from baselines.unheeded import WITH_EMBEDDING
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.inner.losses import task_losses
from suite.models import Network, embedding_network
from suite.settings import Config, QueryNorm

Similarity = Literal["cosine", "free-query-norm", "l2"]


def similarity_of(kind: Similarity, query: Tensor, support: Tensor) -> Tensor:
    """How alike each query, (task, query, feature), and support item, (task, item, feature), are.

    The result is (task, query, item). `free-query-norm` is the cosine times the query's norm, and
    `l2` is minus the squared distance.
    """
    if kind == "l2":
        return -(query[:, :, None] - support[:, None]).square().sum(-1)
    if kind == "cosine":
        query = F.normalize(query, dim=-1)
    return query @ F.normalize(support, dim=-1).mT


def class_log_probabilities(similarities: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The logarithm of each class's probability, (task, query, class).

    A class has the sum of the softmax over items, taken over its own items. `similarities` are
    (task, query, item) and `labels` (task, item); every class has an item.
    """
    others = F.one_hot(labels, classes).mT == 0  # (task, class, item)
    of_class = similarities[:, :, None].masked_fill(others[:, None], -float("inf"))
    return of_class.logsumexp(-1).log_softmax(-1)


@dataclass(frozen=True, kw_only=True)
class MatchingNetworks(FewShotMethod):
    """A softmax over the support set by cosine, trained on tasks as it is tested on."""

    name: ClassVar[str] = "matching-networks"
    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(("running-averages",))
    any_way: ClassVar[bool] = True
    unheeded: ClassVar[frozenset[str]] = WITH_EMBEDDING
    sources: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("similarity", "scale"),
        "Vinyals et al. 2016, equation 1 (third-party notes); ports that come near their numbers "
        "have another",
    )
    similarity: Similarity = "cosine"
    """How alike features are: see `similarity_of`."""
    scale: Positive = 1.0
    """What similarities are multiplied by. With 1 the softmax of cosines is flat: no loss is below
    0.76 in 5-way and 2.03 in 20-way 1-shot tasks."""

    def network(self, config: Config, classes: int) -> Network:
        return embedding_network(config)

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        support, query, moved = features_of_both(learner, batch)
        outputs = self._outputs(learner, support, query, batch.support_y)
        losses = task_losses(learner.config, learner.config.k_shot, outputs, batch.query_y)
        return followed(losses, learner, moved), outputs

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        return self.outputs(learner, batch, {})

    def outputs(self, learner: Learner, batch: TaskBatch, selected: dict[str, float]) -> Tensor:
        support, query = (frozen_features(learner, x) for x in (batch.support_x, batch.query_x))
        return self._outputs(learner, support, query, batch.support_y)

    def _outputs(self, learner: Learner, support: Tensor, query: Tensor, labels: Tensor) -> Tensor:
        similarities = self.scale * similarity_of(self.similarity, query, support)
        return class_log_probabilities(similarities, labels, learner.config.n_way)
