"""What a block decides by comparing: which place of a pool wins, and where ReLU lets through.

Between two decisions a block is smooth. The tests put fixed decisions in place of these functions,
so that finite differences mean something.
"""

from typing import cast

import torch
from torch import Tensor

from suite.models.maps import as_batch, from_batch

_aten = torch.ops.aten


def pool(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The greatest of each 2x2 places, and where it stood in its image, (batch, t*c, h', w')."""
    # Torch's kernel for channels last is 18 times as fast as the other on a CPU.
    pooled, index = _aten.max_pool2d_with_indices.default(as_batch(maps), [2, 2], [2, 2])
    return from_batch(pooled, maps.shape[0]), index


def rectify(maps: Tensor) -> Tensor:
    """ReLU, in place."""
    return maps.relu_()


def where_positive(values: Tensor, rectified: Tensor) -> Tensor:
    """`values` where ReLU's result is greater than 0, else 0."""
    return cast(Tensor, _aten.threshold_backward.default(values, rectified, 0))


def gather(maps: Tensor, index: Tensor) -> Tensor:
    """The values of `maps` at the places that won."""
    images = as_batch(maps)
    if images.is_contiguous():
        found = images.flatten(2).gather(2, index.flatten(2)).view(index.shape)
    else:
        rows, places = _rows(images), index.permute(0, 2, 3, 1)
        found = rows.gather(1, places.flatten(1, 2)).view(places.shape).permute(0, 3, 1, 2)
    return from_batch(found, maps.shape[0])


def scatter_add(maps: Tensor, pooled: Tensor, index: Tensor) -> Tensor:
    """`maps`, which are overwritten, with `pooled` added at the places that won; none won twice."""
    images, values = as_batch(maps), as_batch(pooled)
    if images.is_contiguous():
        images.flatten(2).scatter_add_(2, index.flatten(2), values.flatten(2))
    else:
        _rows(images).scatter_add_(1, _rows(index), _rows(values))
    return from_batch(images, maps.shape[0])  # maps that lie task by task were copied


def _rows(images: Tensor) -> Tensor:
    """(batch, channel, height, width) to (batch, place, channel)."""
    return images.permute(0, 2, 3, 1).flatten(1, 2)
