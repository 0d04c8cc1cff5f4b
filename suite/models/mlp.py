"""The paper's fully connected networks: sections 5.1 and 5.2; authors' maml.py."""

import itertools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.models.init import INITIALISERS
from suite.models.layers import Statistics, linear, normalise, operand_dtype
from suite.models.network import Network, Params, Rest
from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE


def mlp_weights(config: Config, inputs: int, generator: torch.Generator) -> Params:
    """Fresh weights of each hidden layer, without a task axis: `layer0.weight`, ..."""
    draw = INITIALISERS[config.weight_init]
    widths = itertools.pairwise((inputs, *config.hidden))
    return {
        f"layer{layer}.weight": draw((n_out, n_in), generator)
        for layer, (n_in, n_out) in enumerate(widths)
    }


def mlp_features(config: Config, params: Params, inputs: Tensor, rest: Rest) -> Tensor:
    """What the last layer of an `mlp-bn` sees: (task, batch, *input) to (task, batch, feature).

    `rest` works on (batch, task*unit).
    """
    x = inputs.flatten(2)
    for layer in range(len(config.hidden)):
        x = linear(x, params[f"layer{layer}.weight"], rounded=operand_dtype(config))
        x = x.transpose(0, 1)  # (batch, task, unit)
        x = rest(f"layer{layer}", x.flatten(1)).view_as(x).transpose(0, 1)
    return x


def mlp_network(config: Config, extra_inputs: int = 0) -> Network:
    """Linear layers with ReLU; with batch normalisation (`mlp-bn`) a beta replaces the bias.

    `extra_inputs` widens its input, for an oracle or a context.
    """
    normalised = config.network == "mlp-bn"
    inputs = (math.prod(IMAGE_SHAPE[config.dataset]) if normalised else 1) + extra_inputs
    offset = "beta" if normalised else "bias"
    names = [f"layer{layer}" for layer in range(len(config.hidden))]
    rounded = operand_dtype(config)

    def initial(generator: torch.Generator) -> Params:
        params = {}
        for name, weight in mlp_weights(config, inputs, generator).items():
            params[name] = weight
            params[name.replace("weight", offset)] = torch.zeros(weight.shape[0])
        head = INITIALISERS[config.head_init]
        params["head.weight"] = head((config.n_way, config.hidden[-1]), generator)
        params["head.bias"] = torch.zeros(config.n_way)
        return params

    def features(
        params: Params, inputs: Tensor, /, *, statistics: Statistics = normalise
    ) -> Tensor:
        def by_batch(layer: str, x: Tensor) -> Tensor:
            return F.relu(statistics(x) + params[f"{layer}.beta"].flatten())

        if normalised:
            return mlp_features(config, params, inputs, by_batch)
        x = inputs.flatten(2)  # (task, batch, input)
        for name in names:
            weight, bias = params[f"{name}.weight"], params[f"{name}.bias"]
            x = F.relu(linear(x, weight, bias, rounded=rounded))
        return x

    def forward(params: Params, inputs: Tensor, /, *, statistics: Statistics = normalise) -> Tensor:
        seen = features(params, inputs, statistics=statistics)
        return linear(seen, params["head.weight"], params["head.bias"], rounded=rounded)

    adapted = [f"{name}.weight" for name in names]
    if not normalised or config.adapt_beta:
        adapted += [f"{name}.{offset}" for name in names]
    return Network(
        initial=initial,
        forward=forward,
        features=features,
        adapted=(*adapted, "head.weight", "head.bias"),
    )
