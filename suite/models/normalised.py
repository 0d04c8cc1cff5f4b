"""Batch statistics, pooling, offset and ReLU of convolved maps in one, twice differentiable.

Pooling stands before normalisation: less the mean, over the deviation, plus beta, and ReLU all rise
with their argument, so the same place wins, and a quarter of the values is left to normalise. Let
there be n values a channel.

    m, a = mean(y), 1/sqrt(var(y) + eps);  h = (y - m) a;  z = relu((pool(y) - m) a + beta)

First derivative, with q = gz where z > 0, S1 = sum q, S2 = sum q (z - beta), which is of pool(h):

    gy = a (scatter(q) - S1/n - h S2/n);  gbeta = S1

Second, the derivatives of <v, gy> + <b, gbeta>, with V1 = sum v, V2 = sum v h and
K = sum q gather(v) - (S1 V1 + 3 S2 V2)/n:

    for gz: a (gather(v) - V1/n - pool(h) V2/n) + b, where z > 0
    for y: slope (v - V1/n) + tilt gy + by_y (y - m), where
        slope = -(a^2/n) S2;  tilt = -(a/n) V2;  by_y = -(a^3/n) K - tilt slope
"""

from typing import Any

import torch
from torch import Tensor

from suite.models import decisions
from suite.models.layers import BATCH_NORM_EPS
from suite.models.maps import OVER
from suite.models.moments import mean_and_variance, total, total_and_product


def normalised(maps: Tensor, beta: Tensor, *, pooled: bool) -> Tensor:
    """`maps` (task, batch, height, width, channel) normalised, with `beta` (task, channel), ReLU.

    With `pooled` the greatest of each 2x2 places remains. It can be differentiated twice.
    """
    z: Tensor = _Normalised.apply(maps, beta, pooled)
    return z


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, beta: Tensor, pooled: bool) -> Tensor:
        mean, variance = mean_and_variance(y)
        a = torch.rsqrt(variance + BATCH_NORM_EPS)
        offset = beta.detach().view(mean.shape)
        p, index = decisions.pool(y) if pooled else (y, None)
        # Centred first: p a + (beta - m a) would cancel.
        z = decisions.rectify(torch.addcmul(offset, p - mean, a))
        ctx.save_for_backward(y, z)
        ctx.inner = index, mean, a, offset
        return z

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> Any:
        y, z = ctx.saved_tensors
        return *_Gradient.apply(gz, y, z.detach(), ctx.inner), None


class _Gradient(torch.autograd.Function):
    """gy and gbeta. `z` and `inner` are functions of y, so what they tell of y is counted for y."""

    @staticmethod
    def forward(ctx: Any, gz: Tensor, y: Tensor, z: Tensor, inner: Any) -> Any:
        index, mean, a, beta = inner
        share = a * (-1 / _count(y))
        q = decisions.where_positive(gz, z)
        s1, s2 = total_and_product(q, z, beta)
        slope = share * a * s2
        gy = torch.addcmul(torch.addcmul(share * s1, slope, mean, value=-1), slope, y)
        gy = gy.addcmul_(q, a) if index is None else decisions.scatter_add(gy, q * a, index)
        ctx.save_for_backward(y, z, q, gy)
        ctx.inner = index, mean, a, beta, share, s1, s2, slope
        ctx.set_materialize_grads(False)
        return gy, s1.view(s1.shape[0], -1)

    @staticmethod
    def backward(ctx: Any, v: Tensor | None, b: Tensor | None) -> Any:
        if torch.is_grad_enabled():
            raise NotImplementedError(
                "normalised maps have no third derivative: "
                "take the gradient of a gradient without create_graph"
            )
        y, z, q, gy = ctx.saved_tensors
        index, mean, a, beta, share, s1, s2, slope = ctx.inner
        if v is None:
            gz = None if b is None else decisions.where_positive(b.view(s1.shape).expand_as(z), z)
            return gz, None, None, None
        n = _count(y)
        v1, v2 = total_and_product(v, y, mean)
        v2 = v2 * a
        gathered = v if index is None else decisions.gather(v, index)
        tilt = share * v2
        base = torch.addcmul(share * v1, tilt, beta, value=-1)
        if b is not None:
            base = base + b.view(s1.shape)
        gz = torch.addcmul(base, tilt, z).addcmul_(a, gathered)
        k = total(q * gathered) - torch.addcmul(s1 * v1, s2, v2, value=3) / n
        by_y = torch.addcmul(share * a * a * k, tilt, slope, value=-1)
        constant = torch.addcmul(slope * v1 / -n, by_y, mean, value=-1)
        cy = torch.addcmul(constant, slope, v).addcmul_(tilt, gy).addcmul_(by_y, y)
        return decisions.where_positive(gz, z), cy, None, None


def _count(maps: Tensor) -> int:
    """Values a channel."""
    count = 1
    for dim in OVER:
        count *= maps.shape[dim]
    return count
