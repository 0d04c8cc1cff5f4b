"""The paper's convolutional networks: section 5.2; authors' maml.py and utils.py.

A convolution has no bias: the batch statistics behind it would cancel it.
"""

import functools
import itertools
from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.models.block import Way, block
from suite.models.convolution import conv2d
from suite.models.init import INITIALISERS
from suite.models.layers import Statistics, linear, normalise, operand_dtype
from suite.models.maps import by_place, by_task, kernels_last
from suite.models.network import Network, Params, Rest, Ways
from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE

_APART = ("separate", "separate-products")


def conv_feature_count(config: Config) -> int:
    """The inputs of the last layer: the mean of the last map (stride), or all of it (pool)."""
    if config.network == "conv-stride":
        return config.hidden[-1]
    _, height, width = IMAGE_SHAPE[config.dataset]
    shrink = 2 ** len(config.hidden)
    return config.hidden[-1] * int(height // shrink) * int(width // shrink)


def conv_weights(config: Config, generator: torch.Generator, extra_channels: int = 0) -> Params:
    """Fresh filters of each layer, without a task axis: `conv0.weight`, ..."""
    draw = INITIALISERS[config.weight_init]
    channels = itertools.pairwise((IMAGE_SHAPE[config.dataset][0] + extra_channels, *config.hidden))
    return {
        f"conv{layer}.weight": draw((n_out, n_in, 3, 3), generator)
        for layer, (n_in, n_out) in enumerate(channels)
    }


def conv_features(
    config: Config,
    params: Params,
    images: Tensor,
    rest: Rest,
    *,
    channels_last: bool = False,
    products: bool = False,
) -> Tensor:
    """What the linear layer sees of `images`, (task, batch, *image): (task, batch, feature).

    `rest` works on (batch, task*channel, height, width), with channels last in memory if so asked;
    see `conv2d` for `products`.
    """
    tasks, strided = images.shape[0], config.network == "conv-stride"
    convolve = functools.partial(
        conv2d, stride=2 if strided else 1, rounded=operand_dtype(config), products=products
    )
    x = images.transpose(0, 1).flatten(1, 2)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    for layer in range(len(config.hidden)):
        x = rest(f"conv{layer}", convolve(x, params[f"conv{layer}.weight"]))
    x = x.mean(dim=(2, 3)) if strided else x.flatten(1)
    features: Tensor = x.unflatten(1, (tasks, -1)).transpose(0, 1)
    return features


def usual_way(config: Config, device: torch.device, statistics: Statistics = normalise) -> Way:
    """How the blocks of a network are computed on `device` where no other way is asked for.

    What is scored goes this way, whatever the training went: so a score is repeated to the last
    digit, and blocks halve the time of mini-ImageNet's on a CPU.
    """
    pays = config.network == "conv-pool" and device.type != "cuda" and statistics is normalise
    return "grouped" if pays else first_way(config, device)


def first_way(config: Config, device: torch.device) -> Way:
    """What all trainings went by before there was a choice; the other ways are held to it."""
    products = config.network == "conv-stride" and device.type == "cuda"
    return "separate-products" if products else "separate"


def conv_network(config: Config, way: Way | None = None, extra_channels: int = 0) -> Network:
    """3x3 convolution, batch normalisation, ReLU, a few times over, then a linear layer.

    `conv-stride` (Omniglot) strides by 2 and ends in a spatial mean; `conv-pool` (mini-ImageNet)
    pools 2x2 after each ReLU and ends flat. `way` is the usual one where none is given, and the
    network then has all of them; those by blocks have no other `statistics` than a batch's own.
    `extra_channels` widens its images, for a context.
    """
    layers = [f"conv{layer}" for layer in range(len(config.hidden))]

    def initial(generator: torch.Generator) -> Params:
        params = {}
        for name, weight in conv_weights(config, generator, extra_channels).items():
            params[name] = weight
            params[name.replace("weight", "beta")] = torch.zeros(weight.shape[0])
        head = INITIALISERS[config.head_init]
        params["head.weight"] = head((config.n_way, conv_feature_count(config)), generator)
        params["head.bias"] = torch.zeros(config.n_way)
        return params

    def features(
        params: Params, images: Tensor, /, *, statistics: Statistics = normalise
    ) -> Tensor:
        def rest(layer: str, x: Tensor) -> Tensor:
            x = F.relu(statistics(x) + params[f"{layer}.beta"].reshape(-1, 1, 1))
            return F.max_pool2d(x, 2) if config.network == "conv-pool" else x

        chosen = way or usual_way(config, images.device, statistics)
        if chosen in _APART:
            products = chosen == "separate-products"
            return conv_features(config, params, images, rest, products=products)
        return _block_features(config, params, images, chosen == "products")

    def forward(params: Params, images: Tensor, /, *, statistics: Statistics = normalise) -> Tensor:
        seen = features(params, images, statistics=statistics)
        rounded = operand_dtype(config)
        return linear(seen, params["head.weight"], params["head.bias"], rounded=rounded)

    def arranged(params: Params) -> Params:
        device = params["conv0.weight"].device
        if (way or usual_way(config, device)) in _APART:
            return params
        return {n: kernels_last(v) if v.ndim == 5 else v for n, v in params.items()}

    ways: tuple[Way, ...] = get_args(Way) if way is None else ()
    weights = [f"{layer}.weight" for layer in layers]
    betas = [f"{layer}.beta" for layer in layers] if config.adapt_beta else []
    return Network(
        initial=initial,
        forward=forward,
        features=features,
        adapted=(*weights, *betas, "head.weight", "head.bias"),
        arranged=arranged,
        alternatives=Ways(
            of=forward, networks={each: conv_network(config, each, extra_channels) for each in ways}
        ),
    )


def _block_features(config: Config, params: Params, images: Tensor, products: bool) -> Tensor:
    """`conv_features` by the batch's own statistics, block by block."""
    strided = config.network == "conv-stride"
    x = by_task(images) if products else by_place(images)
    for layer in range(len(config.hidden)):
        x = block(
            x,
            params[f"conv{layer}.weight"],
            params[f"conv{layer}.beta"],
            stride=2 if strided else 1,
            pooled=not strided,
            products=products,
            rounded=operand_dtype(config),
        )
    if strided:
        return x.mean(dim=(2, 3))
    features: Tensor = x.permute(0, 1, 4, 2, 3).flatten(2)  # in the order of the weights
    return features
