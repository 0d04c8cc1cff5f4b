"""The network of the baselines: a classifier of the training classes with running averages.

The blocks are the paper's; batch normalisation is Torch's, as in Ravi and Larochelle's code
(model/matching-net-classifier.lua). Gamma, beta and both running averages are weights by name; the
averages are handed out by `train` and changed by nobody here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.models.conv import conv_feature_count, conv_features, conv_weights
from suite.models.init import INITIALISERS
from suite.models.layers import (
    Statistics,
    linear,
    normalise,
    normalise_and_follow,
    normalise_by_averages,
    operand_dtype,
)
from suite.models.mlp import mlp_features, mlp_weights
from suite.models.network import Network, Params
from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE


@dataclass(frozen=True, kw_only=True)
class Classifier(Network):
    """A network whose batch normalisation has two modes.

    `forward` and `features` are by running averages, whatever `statistics` are given.
    """

    train: Callable[[Params, Tensor], tuple[Tensor, Params]]
    """The outputs by the batch's own statistics, and the running averages after that batch."""
    fresh_head: Callable[[int, torch.Generator], Params]
    """A last layer for so many classes, without a task axis, from a CPU generator."""


def classifier_network(config: Config, classes: int) -> Classifier:
    """The network of `config` with `classes` outputs; convolutions and layers have no bias."""
    convolutional = config.network.startswith("conv")
    layers = [f"{'conv' if convolutional else 'layer'}{n}" for n in range(len(config.hidden))]
    inputs = math.prod(IMAGE_SHAPE[config.dataset])
    n_features = conv_feature_count(config) if convolutional else config.hidden[-1]
    through = conv_features if convolutional else mlp_features

    def fresh_head(outputs: int, generator: torch.Generator) -> Params:
        weight = INITIALISERS[config.head_init]((outputs, n_features), generator)
        bound = 1.0 / math.sqrt(n_features)
        bias = (torch.rand(outputs, generator=generator) * 2.0 - 1.0) * bound
        return {"head.weight": weight, "head.bias": bias}

    def initial(generator: torch.Generator) -> Params:
        drawn = (
            conv_weights(config, generator)
            if convolutional
            else mlp_weights(config, inputs, generator)
        )
        params = {}
        for layer in layers:
            params[f"{layer}.weight"] = drawn[f"{layer}.weight"]
            units = len(drawn[f"{layer}.weight"])
            params[f"{layer}.gamma"] = torch.rand(units, generator=generator)
            params[f"{layer}.beta"] = torch.zeros(units)
            params[f"{layer}.mean"] = torch.zeros(units)
            params[f"{layer}.variance"] = torch.ones(units)
        return params | fresh_head(classes, generator)

    def of_layer(params: Params, layer: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        names = ("mean", "variance", "gamma", "beta")
        mean, variance, gamma, beta = (params[f"{layer}.{name}"] for name in names)
        return mean, variance, gamma, beta

    def features(
        params: Params, images: Tensor, /, *, statistics: Statistics = normalise
    ) -> Tensor:
        def normalised(layer: str, x: Tensor) -> Tensor:
            return normalise_by_averages(x, *of_layer(params, layer))

        return through(config, params, images, normalised)

    def head(params: Params, seen: Tensor) -> Tensor:
        weight, bias = params["head.weight"], params["head.bias"]
        return linear(seen, weight, bias, rounded=operand_dtype(config))

    def forward(params: Params, images: Tensor, /, *, statistics: Statistics = normalise) -> Tensor:
        return head(params, features(params, images))

    def train(params: Params, images: Tensor) -> tuple[Tensor, Params]:
        moved: Params = {}

        def normalised(layer: str, x: Tensor) -> Tensor:
            y, mean, variance = normalise_and_follow(x, *of_layer(params, layer))
            moved.update({f"{layer}.mean": mean, f"{layer}.variance": variance})
            return y

        return head(params, through(config, params, images, normalised)), moved

    learned = [f"{layer}.{name}" for layer in layers for name in ("weight", "gamma", "beta")]
    return Classifier(
        initial=initial,
        forward=forward,
        adapted=(*learned, "head.weight", "head.bias"),
        averages=tuple(f"{layer}.{name}" for layer in layers for name in ("mean", "variance")),
        features=features,
        train=train,
        fresh_head=fresh_head,
    )
