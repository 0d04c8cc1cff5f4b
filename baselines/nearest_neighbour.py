"""Nearest neighbour: Ravi and Larochelle, model/baselines/nearest-neighbor.lua.

A query image has the label of the support image whose pretrained features are the most similar.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.method import Method
from suite.data.tasks import TaskBatch
from suite.inner.frozen import frozen_features
from suite.inner.learner import Learner


def similarities(learner: Learner, batch: TaskBatch) -> Tensor:
    """For each query image the cosine with the most similar image of each class.

    (task, query, class); the greatest belongs to the nearest neighbour.
    """
    support = F.normalize(frozen_features(learner, batch.support_x), dim=-1)
    query = F.normalize(frozen_features(learner, batch.query_x), dim=-1)
    cosines = (query @ support.mT)[:, :, None]  # (task, query, 1, support)
    classes = torch.arange(learner.config.n_way, device=cosines.device)
    own = batch.support_y[:, None] == classes[:, None]  # (task, class, support)
    return cosines.masked_fill(~own[:, None], -2.0).amax(-1)


@dataclass(frozen=True, kw_only=True)
class NearestNeighbour(Method):
    """Cosine 1-nearest-neighbour on pretrained features, in 5-shot too."""

    name: ClassVar[str] = "nearest-neighbour"
    trained_by: ClassVar[str | None] = "pretraining"

    def predict(
        self, learner: Learner, batch: TaskBatch, steps: int, selected: dict[str, float]
    ) -> Iterator[Tensor]:
        return itertools.repeat(similarities(learner, batch), steps + 1)
