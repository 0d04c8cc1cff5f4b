"""A convolutional block of the paper: convolution, batch statistics, offset, ReLU and max-pool.

Ways to compute it give equal results but for rounding; which is the fastest depends on the device
and the network.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from suite.models import bilinear
from suite.models.bilinear import Bilinear, Rounded
from suite.models.columns import Products, columns
from suite.models.convolution import Grouped
from suite.models.maps import as_batch, from_batch
from suite.models.normalised import normalised

Way = Literal["separate", "separate-products", "grouped", "products"]
"""How blocks are computed.

The first two are torch's own functions one after another, on images with tasks in the channel axis;
the others are `block`. `separate` and `grouped` convolve by torch's convolutions, grouped by task;
the others by matrix products."""


@dataclass(frozen=True)
class _GroupedMaps:
    """The three maps of a convolution, grouped by task."""

    tasks: int
    stride: int

    @property
    def _images(self) -> Grouped:
        return Grouped(self.stride, self.tasks)

    def output(self, x: Tensor, weight: Tensor) -> Tensor:
        y = self._images.output(as_batch(x), weight.flatten(0, 1))
        return from_batch(y, self.tasks)

    def of_input(self, grad_y: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        tasks, batch, height, width, channels = shape
        seen = torch.Size((batch, tasks * channels, height, width))
        grad = self._images.of_input(as_batch(grad_y), weight.flatten(0, 1), seen)
        return from_batch(grad, tasks)

    def of_weight(self, x: Tensor, grad_y: Tensor, shape: torch.Size) -> Tensor:
        seen = torch.Size((shape[0] * shape[1], *shape[2:]))
        return self._images.of_weight(as_batch(x), as_batch(grad_y), seen).view(shape)


def block(
    x: Tensor,
    weight: Tensor,
    beta: Tensor,
    *,
    stride: int,
    pooled: bool,
    products: bool,
    rounded: torch.dtype | None = None,
) -> Tensor:
    """Maps (task, batch, height, width, channel) to those of the next layer.

    `weight` is (task, output, input, 3, 3) and `beta` (task, output). Operands of the convolution
    are `rounded`, in the derivatives of every order too. With `products`, `x` lies task by task.
    """
    exact: Bilinear = Products() if products else _GroupedMaps(x.shape[0], stride)
    maps = exact if rounded is None else Rounded(exact, rounded)
    seen = columns(x, stride) if products else x
    return normalised(bilinear.apply(maps, seen, weight), beta, pooled=pooled)
