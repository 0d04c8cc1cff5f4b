"""A context: further inputs of a network, the same for all examples of a task.

They stand among the weights, so that an inner loop can adapt them: Rei 2015, and the first version
of the authors' code (maml.py at 42bac0c, `--baseline=context_vector`).
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from suite.models.conv import conv_network
from suite.models.init import xavier_uniform
from suite.models.layers import Statistics, normalise
from suite.models.mlp import mlp_network
from suite.models.network import Forward, Network, Params, Ways
from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE

CONTEXT = "context"
"""The name of those weights."""
CHANNELS, NUMBERS = 3, 5
"""What the authors' code has for convolutions, and for fully connected networks."""


def context_network(config: Config) -> Network:
    """The network of `config`, wider by the context; it adapts that beside what it adapts anyway.

    Where batch normalisation follows a linear layer, it takes away what is the same for all
    examples: there a context does nothing.
    """
    if config.network == "mlp" or config.network == "mlp-bn":
        return _widened(mlp_network(config, extra_inputs=NUMBERS), (NUMBERS,))
    shape = (CHANNELS, *IMAGE_SHAPE[config.dataset][1:])
    return _widened(conv_network(config, extra_channels=CHANNELS), shape)


def initial_context(shape: tuple[int, ...], generator: torch.Generator) -> Params:
    """By Xavier's uniform rule, as one row of a matrix."""
    return {CONTEXT: xavier_uniform((1, math.prod(shape)), generator).view(shape)}


def with_context(params: Params, x: Tensor) -> Tensor:
    """`x`, (task, example, *input), with the context of `params` behind it, if they have one.

    That is (task, number) or, for images, (task, channel, height, width).
    """
    if CONTEXT not in params:
        return x
    context = params[CONTEXT]
    seen = x if context.ndim > 2 else x.flatten(2)
    return torch.cat((seen, context[:, None].expand(-1, x.shape[1], *context.shape[1:])), dim=2)


def _widened(network: Network, shape: tuple[int, ...]) -> Network:
    """`network`, whose inputs are wider by `shape`, as one of the narrower inputs."""

    def initial(generator: torch.Generator) -> Params:
        return network.initial(generator) | initial_context(shape, generator)

    forward = _behind(network.forward)
    ways = {name: _widened(other, shape) for name, other in network.ways.items()}
    return replace(
        network,
        initial=initial,
        forward=forward,
        features=_behind(network.features),
        adapted=(*network.adapted, CONTEXT),
        alternatives=Ways(of=forward, networks=ways),
    )


def _behind(function: Forward) -> Forward:
    def widened(params: Params, x: Tensor, /, *, statistics: Statistics = normalise) -> Tensor:
        return function(params, with_context(params, x), statistics=statistics)

    return widened
