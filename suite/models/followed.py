"""Batch normalisation as Torch's classifiers have it, with pooling and ReLU in one.

Normalisation with a gamma that is not negative, an offset and ReLU all rise with their argument, so
pooling stands before them, as in `suite.models.normalised`, and statistics are summed as there. Let
there be n values a channel.

    m, a = mean(y), 1/sqrt(var(y) + eps);  z = relu(gamma (pool(y) - m) a + beta)

Derivative, with q = gz where z > 0, S1 = sum q, S2 = sum q (pool(y) - m) a:

    gy = gamma a (scatter(q) - S1/n - (y - m) a S2/n);  ggamma = S2;  gbeta = S1
"""

from typing import Any

import torch
from torch import Tensor

from suite.models import decisions
from suite.models.layers import BATCH_NORM_EPS
from suite.models.moments import mean_and_variance, total_and_product


def followed(
    maps: Tensor, gamma: Tensor, beta: Tensor, *, pooled: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """`maps` (task, batch, height, width, channel) normalised, ReLU, and their statistics.

    `gamma`, which must not be negative, `beta`, the mean and the biased variance are
    (task, channel). With `pooled` the greatest of each 2x2 places remains. The maps can be
    differentiated once; the statistics are constants.
    """
    z, mean, variance = _Followed.apply(maps, gamma, beta, pooled)
    return z, mean.view_as(gamma), variance.view_as(gamma)


class _Followed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, gamma: Tensor, beta: Tensor, pooled: bool) -> Any:
        mean, variance = mean_and_variance(y)
        a = torch.rsqrt(variance + BATCH_NORM_EPS)
        scale = a * gamma.view(a.shape)
        p, index = decisions.pool(y) if pooled else (y, None)
        # Centred first: p scale + (beta - m scale) would cancel.
        z = decisions.rectify(torch.addcmul(beta.view(a.shape), p - mean, scale))
        ctx.save_for_backward(y, p, z)
        ctx.inner = index, mean, a, scale
        ctx.mark_non_differentiable(mean, variance)
        return z, mean, variance

    @staticmethod
    def backward(ctx: Any, gz: Tensor, *_: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise NotImplementedError(
                "maps that running averages follow have no second derivative: "
                "take the gradient without create_graph"
            )
        y, p, z = ctx.saved_tensors
        index, mean, a, scale = ctx.inner
        q = decisions.where_positive(gz, z)
        s1, s2 = total_and_product(q, p, mean)
        s2 = s2 * a
        share = scale * (-mean.numel() / y.numel())
        slope = share * a * s2
        gy = torch.addcmul(torch.addcmul(share * s1, slope, mean, value=-1), slope, y)
        gy = gy.addcmul_(q, scale) if index is None else decisions.scatter_add(gy, q * scale, index)
        return gy, s2.flatten(1), s1.flatten(1), None
