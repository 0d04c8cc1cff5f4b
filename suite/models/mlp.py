"""The paper's fully connected networks: sections 5.1 and 5.2; authors' maml.py."""

import itertools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.models.conv import IMAGE_SHAPE
from suite.models.init import INITIALISERS
from suite.models.layers import linear, normalise, operand_dtype
from suite.models.network import Network, Params
from suite.settings import Config


def mlp_network(config: Config, extra_inputs: int = 0) -> Network:
    """Linear layers with ReLU; with batch normalisation (`mlp-bn`) a beta replaces the bias.

    `extra_inputs` widens the input of the regression network, for an oracle.
    """
    depth = len(config.hidden)
    normalised = config.network == "mlp-bn"
    inputs = math.prod(IMAGE_SHAPE[config.dataset]) if normalised else 1 + extra_inputs
    offset = "beta" if normalised else "bias"
    names = [f"layer{layer}" for layer in range(depth)]
    rounded = operand_dtype(config)

    def initial(generator: torch.Generator) -> Params:
        draw = INITIALISERS[config.weight_init]
        params = {}
        widths = (inputs, *config.hidden)
        for name, (n_in, n_out) in zip(names, itertools.pairwise(widths), strict=True):
            params[f"{name}.weight"] = draw((n_out, n_in), generator)
            params[f"{name}.{offset}"] = torch.zeros(n_out)
        head = INITIALISERS[config.head_init]
        params["head.weight"] = head((config.n_way, widths[-1]), generator)
        params["head.bias"] = torch.zeros(config.n_way)
        return params

    def forward(params: Params, inputs: Tensor) -> Tensor:
        x = inputs.flatten(2)  # (task, batch, input)
        for name in names:
            if normalised:
                x = linear(x, params[f"{name}.weight"], rounded=rounded).transpose(
                    0, 1
                )  # (batch, task, unit)
                x = normalise(x.flatten(1)).view_as(x).transpose(0, 1)
                x = x + params[f"{name}.beta"].unsqueeze(1)
            else:
                x = linear(x, params[f"{name}.weight"], params[f"{name}.bias"], rounded=rounded)
            x = F.relu(x)
        return linear(x, params["head.weight"], params["head.bias"], rounded=rounded)

    adapted = [f"{name}.weight" for name in names]
    if not normalised or config.adapt_beta:
        adapted += [f"{name}.{offset}" for name in names]
    return Network(initial=initial, forward=forward, adapted=(*adapted, "head.weight", "head.bias"))
