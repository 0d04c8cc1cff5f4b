"""Sums over all places and images of each task's channels.

On a CPU torch's kernels for channels last are several times as fast as its reductions there. But
their sums are naive in float32, so they are taken of a few rows at a time and then added up: with
1,024 rows normalised maps are off by no more than with torch's sums in double.
"""

import torch
from torch import Tensor

from suite.models.maps import OVER, as_batch, lie_by_place

_ROWS = 1024
_EPS = 0.0

_moments_of = torch.ops.aten.batch_norm_update_stats.default
_backward_of = torch.ops.aten.native_batch_norm_backward.default


def mean_and_variance(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each task's channels, (task, 1, 1, 1, channel)."""
    if maps.device.type != "cpu":
        variance, mean = torch.var_mean(maps, dim=OVER, correction=0, keepdim=True)
        return mean, variance
    if not _in_pieces(maps):
        # Two passes: torch's one over both is several times slower on a CPU.
        mean = maps.mean(dim=OVER, keepdim=True)
        return mean, (maps - mean).square_().mean(dim=OVER, keepdim=True)
    shape = (maps.shape[0], 1, 1, 1, maps.shape[4])
    found = [_moments_of(piece, None, None, 0.0) for piece in _pieces(maps)]
    means, variances = (torch.stack(each) for each in zip(*found, strict=True))
    spread, mean = torch.var_mean(means, dim=0, correction=0)
    return mean.view(shape), (variances.mean(0) + spread).view(shape)


def total(maps: Tensor) -> Tensor:
    """The sum, (task, 1, 1, 1, channel)."""
    return maps.sum(dim=OVER, keepdim=True)


def total_and_product(values: Tensor, maps: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """The sums of `values` and of `values * (maps - centre)`, each (task, 1, 1, 1, channel)."""
    if not _in_pieces(values):
        summed = total(values)
        return summed, torch.addcmul(total(values * maps), centre, summed, value=-1)
    # What torch calls the gradients of gamma and beta are these two sums, in one pass.
    scale = torch.ones_like(centre).flatten()
    statistics = (None, None, None, centre.flatten(), scale, True, _EPS, [False, True, True])
    found = [
        _backward_of(one, other, *statistics)[1:]
        for one, other in zip(_pieces(values), _pieces(maps), strict=True)
    ]
    product, summed = (torch.stack(each).sum(0) for each in zip(*found, strict=True))
    return summed.view(centre.shape), product.view(centre.shape)


def _in_pieces(maps: Tensor) -> bool:
    return maps.device.type == "cpu" and lie_by_place(maps)


def _pieces(maps: Tensor) -> tuple[Tensor, ...]:
    """Equal parts by images, of few rows each."""
    images = as_batch(maps)
    batch, rows = len(images), images.shape[2] * images.shape[3]
    most = max(1, _ROWS // rows)
    size = max(each for each in range(1, min(most, batch) + 1) if batch % each == 0)
    return tuple(images.split(size))
