"""A network as two functions, so that the inner loop can hand it any weights."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Params = dict[str, Tensor]
"""Weights by name. Those of a batched forward pass carry a leading task axis."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """`forward` maps (task, batch, *input) to (task, batch, output), each task by its own weights.

    `initial` draws the weights of one network, without a task axis, from a CPU generator.
    `adapted` are the names that the inner loop changes; the rest is meta-learned only. `averages`
    are weights that follow the batches and no gradient: what an objective gives as their gradient
    is the step back that they take.
    """

    initial: Callable[[torch.Generator], Params]
    forward: Callable[[Params, Tensor], Tensor]
    adapted: tuple[str, ...]
    averages: tuple[str, ...] = ()


Normalise = Callable[[str, Tensor], Tensor]
"""Batch normalisation of the layer of that name, (batch, task*channel, ...), with its offset."""


def per_task(params: Params, tasks: int) -> Params:
    """Each seed's weights for each of its tasks: (seed, ...) to (task, ...), `tasks` in all.

    A batch holds the tasks of the first seed, then those of the next. Gradients sum over the tasks
    of a seed.
    """
    return {
        name: value[:, None].expand(-1, tasks // value.shape[0], *value.shape[1:]).flatten(0, 1)
        for name, value in params.items()
    }
