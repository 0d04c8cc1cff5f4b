"""Features by a network that is being trained; `frozen` has those by its running averages."""

import torch
from torch import Tensor

from baselines.following import follow
from baselines.frozen import embedding_of
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.models import Params
from suite.models.network import Rest


def followed_features(
    learner: Learner, x: Tensor, after: Rest = lambda layer, values: values
) -> tuple[Tensor, Params]:
    """Features of `x`, (task, example, *input), to (task, example, feature).

    Images of a seed's tasks pass its network together, and are normalised by their statistics;
    the second are the running averages after them, (seed, ...). See `TrainFeatures` for `after`.
    """
    of_seed = x.unflatten(0, (learner.seeds, -1)).flatten(1, 2)
    features, moved = embedding_of(learner).train_features(learner.params, of_seed, after=after)
    by_task: Tensor = features.unflatten(1, (-1, x.shape[1])).flatten(0, 1)
    return by_task, moved


def followed(losses: Tensor, learner: Learner, moved: Params) -> Tensor:
    """`losses`, (task,), in whose gradient the learner's running averages go to `moved`."""
    return losses + follow(learner.params, moved).repeat_interleave(len(losses) // learner.seeds)


def features_of_both(learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor, Params]:
    """Features of support and query sets, which pass together, and the averages after them."""
    images = torch.cat((batch.support_x, batch.query_x), dim=1)
    features, moved = followed_features(learner, images)
    support, query = features.split((batch.support_x.shape[1], batch.query_x.shape[1]), dim=1)
    return support, query, moved
