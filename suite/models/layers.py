"""Layers whose weights carry a leading task axis."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.settings import Config

BATCH_NORM_EPS = 1e-3
MOMENTUM = 0.1
"""The momentum of running averages; Torch's default."""

Statistics = Callable[[Tensor], Tensor]
"""Batch normalisation without an offset: (batch, channel, ...) to the same."""


def operand_dtype(config: Config) -> torch.dtype | None:
    """What the operands of convolutions and matrix products are rounded to; None for not at all."""
    return torch.bfloat16 if config.precision == "bfloat16" else None


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, rounded: torch.dtype | None = None
) -> Tensor:
    """(task, batch, input) by (task, output, input) and (task, output) to (task, batch, output).

    The weight stands on the left, so that its gradient comes out in its own layout; where there is
    none to come it stands on the right, which is faster for few rows a task. The operands are
    `rounded`, in the derivatives of every order too.
    """
    if rounded is not None:
        y = (weight.to(rounded) @ x.mT.to(rounded)).mT.to(x.dtype)
        return y if bias is None else y + bias.unsqueeze(1)
    if bias is None:
        return (weight @ x.mT).mT
    if not torch.is_grad_enabled():
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)
    return torch.baddbmm(bias.unsqueeze(-1), weight, x.mT).mT


def normalise(x: Tensor) -> Tensor:
    """`x` (batch, channel, ...) less its channels' means, over their standard deviations.

    Batch statistics, biased, eps 1e-3. Torch's own batch normalisation is exact to every order
    here; under `torch.func.vmap` its second derivative is not. What lies in memory channel by
    channel, as convolutions by products have it, stays so.
    """
    by_channel = x.transpose(0, 1)
    if x.ndim > 2 and by_channel.is_contiguous():
        seen = by_channel.flatten(1)[None]
        y = F.batch_norm(seen, None, None, training=True, eps=BATCH_NORM_EPS)
        return y.view_as(by_channel).transpose(0, 1)
    return F.batch_norm(x, None, None, training=True, eps=BATCH_NORM_EPS)


def normalise_by_first(x: Tensor, count: int) -> Tensor:
    """`x` (batch, channel, ...) likewise, by the statistics of its first `count` examples."""
    over = [0, *range(2, x.ndim)]
    variance, mean = torch.var_mean(x[:count], dim=over, correction=0)
    return F.batch_norm(x, mean, variance, eps=BATCH_NORM_EPS)


def normalise_by_averages(
    x: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor
) -> Tensor:
    """`x` (batch, task*channel, ...) by running averages; the others are (task, channel)."""
    averages = mean.flatten(), variance.flatten()
    return F.batch_norm(x, *averages, gamma.flatten(), beta.flatten(), eps=BATCH_NORM_EPS)


def normalise_and_follow(
    x: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """`x` by its own statistics, and the averages moved towards them by a tenth, (task, channel).

    As Torch does it in training mode: biased variance for `x`, unbiased for the average.
    """
    y = F.batch_norm(
        x, None, None, gamma.flatten(), beta.flatten(), training=True, eps=BATCH_NORM_EPS
    )
    variance_seen, mean_seen = torch.var_mean(x.detach(), dim=[0, *range(2, x.ndim)], correction=1)
    return y, moved_on(mean, mean_seen), moved_on(variance, variance_seen)


def moved_on(average: Tensor, seen: Tensor) -> Tensor:
    """A running average after what a batch has, a tenth of the way towards it.

    Torch's own momentum changes averages in place, which a traced graph loses.
    """
    before = average.detach()
    return before + MOMENTUM * (seen.view_as(before) - before)
