"""A trained network that is not changed: its features of the images of tasks."""

from collections.abc import Callable

import torch
from torch import Tensor

from suite.inner.learner import Learner
from suite.models import Classifier, Embedding, Params

INPUTS_AT_ONCE = 5_000_000
"""Pixels times channels that pass a network at once; fixed, as `suite.inner.parts` has it."""


def classifier_of(learner: Learner) -> Classifier:
    """The learner's network, which must be a classifier."""
    if not isinstance(learner.network, Classifier):
        raise TypeError("this method works on a classifier with running averages")
    return learner.network


def embedding_of(learner: Learner) -> Embedding:
    """The learner's network, which must have running averages."""
    if not isinstance(learner.network, Embedding):
        raise TypeError("this method works on a network with running averages")
    return learner.network


def in_parts(function: Callable[[Params, Tensor], Tensor], params: Params, x: Tensor) -> Tensor:
    """`function` of `x`, (task, example, *input), some examples at a time and without gradients.

    It must treat examples one by one, as a network does that normalises by running averages.
    """
    at_once = max(1, INPUTS_AT_ONCE // x[:, 0].numel())
    with torch.no_grad():
        return torch.cat([function(params, part) for part in x.split(at_once, dim=1)], dim=1)


def frozen_features(learner: Learner, x: Tensor) -> Tensor:
    """The features of `x`, (task, example, *input), by each seed's network: (task, example, f)."""
    of_seed = x.unflatten(0, (learner.seeds, -1)).flatten(1, 2)
    features = in_parts(embedding_of(learner).features, learner.params, of_seed)
    by_task: Tensor = features.unflatten(1, (-1, x.shape[1])).flatten(0, 1)
    return by_task
