"""Layers whose weights carry a leading task axis."""

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.settings import Config

BATCH_NORM_EPS = 1e-3


def operand_dtype(config: Config) -> torch.dtype | None:
    """What the operands of convolutions and matrix products are rounded to; None for not at all."""
    return torch.bfloat16 if config.precision == "bfloat16" else None


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, rounded: torch.dtype | None = None
) -> Tensor:
    """(task, batch, input) by (task, output, input) and (task, output) to (task, batch, output).

    The weight stands on the left, so that its gradient comes out in its own layout. The operands
    are `rounded`, in the derivatives of every order too.
    """
    if rounded is not None:
        y = (weight.to(rounded) @ x.mT.to(rounded)).mT.to(x.dtype)
        return y if bias is None else y + bias.unsqueeze(1)
    if bias is None:
        return (weight @ x.mT).mT
    return torch.baddbmm(bias.unsqueeze(-1), weight, x.mT).mT


def normalise(x: Tensor) -> Tensor:
    """`x` (batch, channel, ...) less its channels' means, over their standard deviations.

    Batch statistics, biased, eps 1e-3. Torch's own batch normalisation is exact to every order
    here; under `torch.func.vmap` its second derivative is not.
    """
    return F.batch_norm(x, None, None, training=True, eps=BATCH_NORM_EPS)
