"""Pretraining on images, and a linear head on its frozen features.

The pretraining is Ravi and Larochelle's (model/baselines/pre-train.lua): a classifier of all
training classes, which fine-tuning and nearest neighbour start from too. The head is the transfer
learning of later work: logistic regression on features scaled to length 1 (Tian et al. 2020).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from torch import Tensor
from torch.nn import functional as F

from baselines.few_shot import FewShotMethod
from baselines.following import follow
from baselines.frozen import classifier_of, frozen_features
from baselines.logistic import fit_logistic
from baselines.nearest_neighbour import similarities
from baselines.options import Positive
from baselines.unheeded import TASKS_AND_STEPS
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.inner.losses import task_losses
from suite.models import Network, classifier_network
from suite.settings import Config, QueryNorm


@dataclass(frozen=True, kw_only=True)
class LinearHead(FewShotMethod):
    """The pretraining of the image settings, scored by a fresh linear head an episode."""

    name: ClassVar[str] = "pretraining"
    stream: ClassVar[str] = "labelled"
    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(("running-averages",))
    any_way: ClassVar[bool] = True
    unheeded: ClassVar[frozenset[str]] = TASKS_AND_STEPS
    sources: ClassVar[Mapping[str, str]] = {
        "l2": "this suite: the default of scikit-learn's logistic regression (C = 1)"
    }
    l2: Positive = 1.0
    """The penalty: half of it times the squared weights joins the sum of the cross-entropies."""

    def network(self, config: Config, classes: int) -> Network:
        return classifier_network(config, classes)

    def shared_config(self, config: Config) -> Config | None:
        """The settings of a data set share a pretraining; its curve is on 5-way 1-shot tasks."""
        return msgspec.structs.replace(
            config, n_way=5, k_shot=1, n_query=5, inner_lr=1.0, tasks_per_batch=16
        )

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """The loss of the one mini-batch of each seed, and its outputs by batch statistics."""
        outputs, moved = classifier_of(learner).train(learner.params, batch.support_x)
        losses = task_losses(learner.config, 1, outputs, batch.support_y)
        return losses + follow(learner.params, moved), outputs

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        return similarities(learner, batch)

    def outputs(self, learner: Learner, batch: TaskBatch, selected: dict[str, float]) -> Tensor:
        support, query = (
            F.normalize(frozen_features(learner, x).double(), dim=-1)
            for x in (batch.support_x, batch.query_x)
        )
        classes = learner.config.n_way
        weight, bias = fit_logistic(support, batch.support_y, classes=classes, l2=self.l2)
        return query @ weight.mT + bias[:, None]
