"""How weights start: authors' maml.py and utils.py."""

import math

import torch
from torch import Tensor


def xavier_uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Glorot and Bengio's uniform start for a (output, input, *kernel) weight."""
    receptive = math.prod(shape[2:])
    bound = math.sqrt(6.0 / ((shape[0] + shape[1]) * receptive))
    return (torch.rand(shape, generator=generator) * 2.0 - 1.0) * bound


def truncated_normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Normal with standard deviation 0.01, redrawn beyond two of them, as TensorFlow has it."""
    return torch.nn.init.trunc_normal_(
        torch.empty(shape), std=0.01, a=-0.02, b=0.02, generator=generator
    )


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Standard normal."""
    return torch.randn(shape, generator=generator)


def torch7(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """What Torch 7 gives a linear layer or a convolution: uniform within 1 / sqrt(inputs)."""
    bound = 1.0 / math.sqrt(math.prod(shape[1:]))
    return (torch.rand(shape, generator=generator) * 2.0 - 1.0) * bound


INITIALISERS = {
    "xavier-uniform": xavier_uniform,
    "truncated-normal-0.01": truncated_normal,
    "normal-1": normal,
    "torch7": torch7,
}
