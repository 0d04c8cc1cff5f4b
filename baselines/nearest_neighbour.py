"""Nearest neighbour: Ravi and Larochelle, model/baselines/nearest-neighbor.lua.

A query image has the label of the support image whose pretrained features are the most similar.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.few_shot import FewShotMethod
from baselines.frozen import frozen_features
from baselines.unheeded import TASKS_AND_STEPS
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.settings import QueryNorm


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
class NearestNeighbour(FewShotMethod):
    """Cosine 1-nearest-neighbour on pretrained features, in 5-shot too."""

    name: ClassVar[str] = "nearest-neighbour"
    trained_by: ClassVar[str | None] = "pretraining"
    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(("running-averages",))
    any_way: ClassVar[bool] = True
    unheeded: ClassVar[frozenset[str]] = TASKS_AND_STEPS

    def outputs(self, learner: Learner, batch: TaskBatch, selected: dict[str, float]) -> Tensor:
        return similarities(learner, batch)
