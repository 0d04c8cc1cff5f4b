"""A network as two functions, so that the inner loop can hand it any weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from suite.models.layers import Statistics, normalise

Params = dict[str, Tensor]
"""Weights by name. Those of a batched forward pass carry a leading task axis."""


def _as_they_are(params: Params) -> Params:
    return params


class Forward(Protocol):
    """A forward pass of (task, batch, *input), each task by its own weights, (task, ...)."""

    def __call__(
        self, params: Params, x: Tensor, /, *, statistics: Statistics = normalise
    ) -> Tensor:
        """The result for `x`; `statistics` normalise where batch normalisation has none stored."""
        ...


@dataclass(frozen=True, kw_only=True)
class Network:
    """`forward` maps (task, batch, *input) to (task, batch, output), each task by its own weights.

    `features` is what the last layer sees of the same, (task, batch, feature).
    `initial` draws the weights of one network, without a task axis, from a CPU generator.
    `adapted` are the names that the inner loop changes; the rest is meta-learned only. `averages`
    are the names of running averages. No gradient moves them: an objective gives the step by which
    they go back in its place. `arranged` lays weights out in memory as `forward` likes them
    best; the values are the same. `alternatives` compute the same in other ways: the results differ
    by rounding.
    """

    initial: Callable[[torch.Generator], Params]
    forward: Forward
    features: Forward
    adapted: tuple[str, ...]
    averages: tuple[str, ...] = ()
    arranged: Callable[[Params], Params] = _as_they_are
    alternatives: "Ways | None" = None

    @property
    def ways(self) -> "Mapping[str, Network]":
        """The networks that compute the same otherwise; none where `forward` was changed."""
        known = self.alternatives
        return known.networks if known is not None and known.of is self.forward else {}

    def by_way(self, name: str) -> "Network":
        """This network, computed in that way; what a method has changed of it stays."""
        other = self.ways[name]
        return replace(
            self, forward=other.forward, features=other.features, arranged=other.arranged
        )


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Other ways to compute a network. They are no ways of one whose forward pass is another."""

    of: Forward
    networks: Mapping[str, Network]


def without_head(network: Network) -> Network:
    """`network` less its last layer: its outputs are the features."""

    def initial(generator: torch.Generator) -> Params:
        drawn = network.initial(generator)
        return {name: value for name, value in drawn.items() if not name.startswith("head.")}

    adapted = tuple(name for name in network.adapted if not name.startswith("head."))
    ways = {name: without_head(other) for name, other in network.ways.items()}
    return replace(
        network,
        initial=initial,
        forward=network.features,
        adapted=adapted,
        alternatives=Ways(of=network.features, networks=ways),
    )


Rest = Callable[[str, Tensor], Tensor]
"""What follows the product of the layer of that name, (batch, task*channel, ...): its result to the
input of the next."""


def per_task(params: Params, tasks: int) -> Params:
    """Each seed's weights for each of its tasks: (seed, ...) to (task, ...), `tasks` in all.

    A batch holds the tasks of the first seed, then those of the next. Gradients sum over the tasks
    of a seed. Copies of kernels lie in memory as the kernels do.
    """
    return {name: _copies(value, tasks // value.shape[0]) for name, value in params.items()}


def _copies(value: Tensor, count: int) -> Tensor:
    if value.ndim == 5 and not value.is_contiguous():
        return _copies(value.movedim(2, -1), count).movedim(-1, 2)
    return value[:, None].expand(-1, count, *value.shape[1:]).flatten(0, 1)
