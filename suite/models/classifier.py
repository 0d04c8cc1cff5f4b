"""Networks with running averages: embeddings, and classifiers, which have a last layer.

The blocks are the paper's; batch normalisation is Torch's, as in Ravi and Larochelle's code
(model/matching-net-classifier.lua). Gamma, beta and both running averages are weights by name; the
averages are handed out by `train` and changed by nobody here.

Pooling comes before normalisation, which leaves a quarter to normalise and needs gammas that are
not negative: a channel whose gamma is negative is computed with the signs of gamma, kernel and
mean turned, which changes no digit of what comes out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.models.conv import conv_feature_count, conv_features, conv_weights, first_way
from suite.models.followed import followed
from suite.models.init import INITIALISERS
from suite.models.layers import (
    Statistics,
    linear,
    moved_on,
    normalise,
    normalise_and_follow,
    normalise_by_averages,
    operand_dtype,
)
from suite.models.maps import as_batch, from_batch
from suite.models.mlp import mlp_features, mlp_weights
from suite.models.network import Network, Params, Rest
from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE

_LEARNED = ("weight", "gamma", "beta")
_FOLLOWED = ("mean", "variance")


def _as_it_is(layer: str, x: Tensor) -> Tensor:
    return x


class TrainFeatures(Protocol):
    """Features of (task, batch, *input) by the batch's own statistics."""

    def __call__(
        self, params: Params, x: Tensor, /, *, after: Rest = _as_it_is
    ) -> tuple[Tensor, Params]:
        """The features, (task, batch, feature), and the running averages after that batch.

        `after` is done to what each layer gives to the next, as dropout is.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Embedding(Network):
    """A network whose batch normalisation has two modes; its outputs are features.

    `forward` and `features` are by running averages, whatever `statistics` are given.
    """

    train_features: TrainFeatures


@dataclass(frozen=True, kw_only=True)
class Classifier(Embedding):
    """An embedding with a last layer."""

    train: Callable[[Params, Tensor], tuple[Tensor, Params]]
    """The outputs by the batch's own statistics, and the running averages after that batch."""
    fresh_head: Callable[[int, torch.Generator], Params]
    """A last layer for so many classes, without a task axis, from a CPU generator."""


def feature_count(config: Config) -> int:
    """How many features an embedding of `config` gives."""
    convolutional = config.network.startswith("conv")
    return conv_feature_count(config) if convolutional else config.hidden[-1]


def embedding_network(config: Config) -> Embedding:
    """The network of `config` without a last layer; convolutions and layers have no bias."""
    convolutional = config.network.startswith("conv")
    layers = [f"{'conv' if convolutional else 'layer'}{n}" for n in range(len(config.hidden))]
    inputs = math.prod(IMAGE_SHAPE[config.dataset])
    features_of, followed_of = (
        (_conv_features, _conv_followed) if convolutional else (_mlp_features, _mlp_followed)
    )

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
        return params

    def features(
        params: Params, images: Tensor, /, *, statistics: Statistics = normalise
    ) -> Tensor:
        return features_of(config, params, images)

    def train_features(
        params: Params, images: Tensor, /, *, after: Rest = _as_it_is
    ) -> tuple[Tensor, Params]:
        return followed_of(config, params, images, after)

    return Embedding(
        initial=initial,
        forward=features,
        adapted=tuple(f"{layer}.{name}" for layer in layers for name in _LEARNED),
        averages=tuple(f"{layer}.{name}" for layer in layers for name in _FOLLOWED),
        features=features,
        train_features=train_features,
    )


def classifier_network(config: Config, classes: int) -> Classifier:
    """The network of `config` with `classes` outputs."""
    embedding, n_features = embedding_network(config), feature_count(config)

    def fresh_head(outputs: int, generator: torch.Generator) -> Params:
        weight = INITIALISERS[config.head_init]((outputs, n_features), generator)
        bound = 1.0 / math.sqrt(n_features)
        bias = (torch.rand(outputs, generator=generator) * 2.0 - 1.0) * bound
        return {"head.weight": weight, "head.bias": bias}

    def initial(generator: torch.Generator) -> Params:
        return embedding.initial(generator) | fresh_head(classes, generator)

    def head(params: Params, seen: Tensor) -> Tensor:
        weight, bias = params["head.weight"], params["head.bias"]
        return linear(seen, weight, bias, rounded=operand_dtype(config))

    def forward(params: Params, images: Tensor, /, *, statistics: Statistics = normalise) -> Tensor:
        return head(params, embedding.features(params, images))

    def train(params: Params, images: Tensor) -> tuple[Tensor, Params]:
        seen, moved = embedding.train_features(params, images)
        return head(params, seen), moved

    return Classifier(
        initial=initial,
        forward=forward,
        adapted=(*embedding.adapted, "head.weight", "head.bias"),
        averages=embedding.averages,
        features=embedding.features,
        train_features=embedding.train_features,
        train=train,
        fresh_head=fresh_head,
    )


def _of_layer(params: Params, layer: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    names = ("mean", "variance", "gamma", "beta")
    mean, variance, gamma, beta = (params[f"{layer}.{name}"] for name in names)
    return mean, variance, gamma, beta


def _mlp_features(config: Config, params: Params, inputs: Tensor) -> Tensor:
    def rest(layer: str, x: Tensor) -> Tensor:
        return F.relu(normalise_by_averages(x, *_of_layer(params, layer)))

    return mlp_features(config, params, inputs, rest)


def _mlp_followed(
    config: Config, params: Params, inputs: Tensor, after: Rest
) -> tuple[Tensor, Params]:
    moved: Params = {}

    def rest(layer: str, x: Tensor) -> Tensor:
        y, mean, variance = normalise_and_follow(x, *_of_layer(params, layer))
        moved.update({f"{layer}.mean": mean, f"{layer}.variance": variance})
        return after(layer, F.relu(y))

    return mlp_features(config, params, inputs, rest), moved


def _conv_features(config: Config, params: Params, images: Tensor) -> Tensor:
    rising, _ = _turned(params)

    def rest(layer: str, x: Tensor) -> Tensor:
        x = F.max_pool2d(x, 2) if config.network == "conv-pool" else x
        return F.relu(normalise_by_averages(x, *_of_layer(rising, layer)))

    return conv_features(config, rising, images, rest, **_memory(config, images))


def _conv_followed(
    config: Config, params: Params, images: Tensor, after: Rest
) -> tuple[Tensor, Params]:
    rising, signs = _turned(params)
    moved: Params = {}

    def rest(layer: str, x: Tensor) -> Tensor:
        _, variance, gamma, beta = _of_layer(rising, layer)
        maps = from_batch(x, len(images))
        z, mean_seen, biased = followed(maps, gamma, beta, pooled=config.network == "conv-pool")
        count = x.numel() // gamma.numel()
        mean_seen, variance_seen = mean_seen * signs[layer], biased * (count / (count - 1))
        moved[f"{layer}.mean"] = moved_on(params[f"{layer}.mean"], mean_seen)
        moved[f"{layer}.variance"] = moved_on(variance, variance_seen)
        return after(layer, as_batch(z))

    return conv_features(config, rising, images, rest, **_memory(config, images)), moved


def _memory(config: Config, images: Tensor) -> dict[str, bool]:
    """How maps lie in memory: on a CPU channels last are much faster, on a GPU they are untried."""
    products = len(images) > 1 and first_way(config, images.device) == "separate-products"
    return {"channels_last": images.device.type != "cuda", "products": products}


def _turned(params: Params) -> tuple[Params, Params]:
    """The weights of a convolutional network with no gamma below 0, and the signs by layer."""
    gammas = [name for name in params if name.endswith(".gamma")]
    signs = {
        name.removesuffix(".gamma"): torch.ones_like(params[name]).copysign(params[name].detach())
        for name in gammas
    }
    turned = {}
    for layer, sign in signs.items():
        turned[f"{layer}.gamma"] = params[f"{layer}.gamma"] * sign
        turned[f"{layer}.mean"] = params[f"{layer}.mean"] * sign
        turned[f"{layer}.weight"] = params[f"{layer}.weight"] * sign[..., None, None, None]
    return params | turned, signs
