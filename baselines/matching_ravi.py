"""Matching networks on mini-ImageNet, as Ravi and Larochelle coded them.

Theirs are model/baselines/matching-net.lua, simple-embedding.lua and FCE-embedding.lua. Queries and
support share the embedding's weights, but each have running averages and dropout masks of their
own. The shared weights stand twice in the released optimizer's table, and take two steps of Adam
an episode: one by the gradient through the queries' features and one by that through the
support's, each with its own moments. Here such a weight is the sum of two halves, and each half is
moved by one of the two gradients.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import msgspec
import torch
from msgspec import Meta
from torch import Tensor
from torch.nn import functional as F

from baselines.dropout import dropout
from baselines.features import followed, followed_features
from baselines.few_shot import FewShotMethod
from baselines.frozen import frozen_features
from baselines.full_context import (
    clipped_together,
    context_weights,
    query_in_context,
    support_in_context,
)
from baselines.unheeded import WITH_EMBEDDING
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.inner.losses import task_losses
from suite.models import Network, Params, embedding_network, feature_count
from suite.models.layers import Statistics, normalise, operand_dtype
from suite.rng import uniform
from suite.settings import Config, QueryNorm

Side = Literal["query", "support"]

_OTHER: dict[Side, Side] = {"query": "support", "support": "query"}
_SHOTS = 5
_ATTENTION_NORM = 0.25


@dataclass(frozen=True, kw_only=True)
class RaviMatching(FewShotMethod):
    """The class whose support images' cosines with the query add up to the most."""

    name: ClassVar[str] = "matching-networks-ravi"
    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(("running-averages",))
    any_way: ClassVar[bool] = True
    unheeded: ClassVar[frozenset[str]] = WITH_EMBEDDING | {"k_shot"}
    training_options: ClassVar[frozenset[str]] = frozenset({"fce", "reads", "aligned", "dropout"})
    sources: ClassVar[Mapping[str, str]] = {
        "fce": "paper, Table 1, whose row is Ravi and Larochelle's with these embeddings",
        "reads": "model/baselines/FCE-embedding.lua",
        "aligned": "model/baselines/FCE-embedding.lua, which does not turn the outputs round",
        "dropout": "model/matching-net-classifier.lua",
    }
    fce: bool = True
    """Whether features are in full context, as those of the printed numbers are."""
    reads: Annotated[int, Meta(ge=1, le=100)] = 3
    """How often a query's LSTM reads the support set."""
    aligned: bool = False
    """Whether the backward LSTM's outputs go to the items they belong to; as released, they go to
    the items in reverse order."""
    dropout: Annotated[float, Meta(ge=0, le=0.9)] = 0.1
    """The share of each block's outputs that is dropped in training."""

    def network(self, config: Config, classes: int) -> Network:
        embedding = embedding_network(config)

        def initial(generator: torch.Generator) -> Params:
            params: Params = {}
            for name, value in embedding.initial(generator).items():
                half = value if name in embedding.averages else torch.zeros_like(value)
                params |= {f"query.{name}": value, f"support.{name}": half.clone()}
            return params | (context_weights(feature_count(config)) if self.fce else {})

        def of_queries(
            params: Params, images: Tensor, /, *, statistics: Statistics = normalise
        ) -> Tensor:
            return embedding.features(_of_side(config, params, "query"), images)

        return Network(
            initial=initial,
            forward=of_queries,
            features=of_queries,
            adapted=(),
            averages=tuple(f"{side}.{name}" for side in _OTHER for name in embedding.averages),
        )

    def shared_config(self, config: Config) -> Config | None:
        """One model serves 1-shot and 5-shot: it is trained with five support images a class."""
        return msgspec.structs.replace(config, k_shot=_SHOTS)

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        support, of_support = self._trained(learner, "support", batch.support_x, batch)
        query, of_query = self._trained(learner, "query", batch.query_x, batch)
        outputs = self._outputs(learner, support, query, batch)
        losses = task_losses(learner.config, learner.config.k_shot, outputs, batch.query_y)
        return followed(losses, learner, of_support | of_query), outputs

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        return self.outputs(learner, batch, {})

    def outputs(self, learner: Learner, batch: TaskBatch, selected: dict[str, float]) -> Tensor:
        support = frozen_features(_one_side(learner, "support"), batch.support_x)
        query = frozen_features(_one_side(learner, "query"), batch.query_x)
        with torch.no_grad():
            return self._outputs(learner, support, query, batch)

    def _trained(
        self, learner: Learner, side: Side, images: Tensor, batch: TaskBatch
    ) -> tuple[Tensor, Params]:
        """Features (task, image, feature) and the side's running averages after them."""
        assert batch.keys is not None
        masks = dropout(self.dropout, batch.keys, seeds=learner.seeds, name=side)
        features, moved = followed_features(_one_side(learner, side), images, masks)
        return features, {f"{side}.{name}": value for name, value in moved.items()}

    def _outputs(
        self, learner: Learner, support: Tensor, query: Tensor, batch: TaskBatch
    ) -> Tensor:
        """The sums of cosines, (task, query, class)."""
        labels = batch.support_y
        if self.fce:
            order = _shuffle(batch)
            support, labels = support.take_along_dim(order[..., None], 1), labels.gather(1, order)
            support, query = self._in_context(learner, support, query)
        cosines = F.normalize(query, dim=-1) @ F.normalize(support, dim=-1).mT
        return cosines @ F.one_hot(labels, learner.config.n_way).to(cosines)

    def _in_context(
        self, learner: Learner, support: Tensor, query: Tensor
    ) -> tuple[Tensor, Tensor]:
        attention = {n: v for n, v in learner.params.items() if n.startswith("attention.")}
        params = learner.params | clipped_together(attention, _ATTENTION_NORM)
        rounded = operand_dtype(learner.config)
        support, query = (each.unflatten(0, (learner.seeds, -1)) for each in (support, query))
        support = support_in_context(params, support, aligned=self.aligned, rounded=rounded)
        query = query_in_context(params, query, support, reads=self.reads, rounded=rounded)
        return support.flatten(0, 1), query.flatten(0, 1)


def _of_side(config: Config, params: Params, side: Side) -> Params:
    """The embedding's weights and running averages, by which gradients go to that side's halves."""
    embedding, other = embedding_network(config), _OTHER[side]
    own = {name: params[f"{side}.{name}"] for name in (*embedding.adapted, *embedding.averages)}
    halves = {name: own[name] + params[f"{other}.{name}"].detach() for name in embedding.adapted}
    return own | halves


def _one_side(learner: Learner, side: Side) -> Learner:
    """A learner of the embedding alone."""
    params = _of_side(learner.config, learner.params, side)
    return replace(learner, network=embedding_network(learner.config), params=params)


def _shuffle(batch: TaskBatch) -> Tensor:
    """A random order of each task's support set, (task, item)."""
    assert batch.keys is not None
    rows = torch.zeros_like(batch.keys)
    return uniform(batch.keys, rows, batch.support_y.shape[1]).argsort(dim=1)
