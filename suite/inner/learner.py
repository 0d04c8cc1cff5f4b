"""A network with its weights and its configuration: what a method works on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.models import Network, Params
from suite.rng import generator
from suite.settings import Config, QueryNorm


@dataclass(frozen=True, kw_only=True)
class Learner:
    """`params` are the meta-learned weights by name, with a leading axis of seeds.

    A batch for this learner holds equally many tasks of each seed, seed after seed.
    """

    config: Config
    network: Network
    params: Params
    query_norm: QueryNorm = "batch-statistics"
    """Whose statistics normalise a query at test; see `Protocol.batch_norm`."""
    key: int = 0
    """The random key of what a method draws at test; see `suite.rng`."""
    pause: Callable[[], None] = lambda: None
    """Called now and then in a test that takes long; it raises where the test is to stop."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(iter(self.params.values())).device

    @property
    def seeds(self) -> int:
        """How many seeds learn side by side."""
        return next(iter(self.params.values())).shape[0]


def initial_learner(
    config: Config, network: Network, device: torch.device, seeds: int = 1
) -> Learner:
    """A learner with the initial weights of seeds 0, 1, ...; they require gradients."""
    drawn = [network.initial(generator(seed, "initial weights")) for seed in range(seeds)]
    params = {
        name: torch.stack([each[name] for each in drawn]).to(device).requires_grad_()
        for name in drawn[0]
    }
    return Learner(config=config, network=network, params=params)


def shared_outputs(learner: Learner, x: Tensor) -> Tensor:
    """The outputs for `x`, (task, example, *input), where all tasks of a seed share one network.

    Batch normalisation, if there is any, takes its statistics over all tasks of a seed.
    """
    inputs = x.unflatten(0, (learner.seeds, -1)).flatten(1, 2)
    outputs = learner.network.forward(learner.params, inputs)  # (seed, task*example, output)
    by_task: Tensor = outputs.unflatten(1, (-1, x.shape[1])).flatten(0, 1)
    return by_task
