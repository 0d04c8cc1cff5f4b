"""Convolution as matrix products of what the kernel sees at each place (im2col), task by task.

The columns are built once for all products that need them: building them and its transpose are a
pair of linear maps, closed under differentiation. A column is ordered by row and column of the
kernel, then channel, so that three neighbours' channels lie behind each other.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Products:
    """The three maps (`suite.models.bilinear`) on columns, by kernels (task, output, input, 3, 3).

    They are fast where `kernels_last` laid out the kernels before they were copied for each task.
    """

    def output(self, x: Tensor, weight: Tensor) -> Tensor:
        y = torch.bmm(x.flatten(1, 3), _matrix(weight).mT)
        return y.view(*x.shape[:4], -1)

    def of_input(self, grad_y: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        return torch.bmm(grad_y.flatten(1, 3), _matrix(weight)).view(shape)

    def of_weight(self, x: Tensor, grad_y: Tensor, shape: torch.Size) -> Tensor:
        gradient = torch.bmm(grad_y.flatten(1, 3).mT, x.flatten(1, 3))
        tasks, outputs, inputs = shape[:3]
        return gradient.view(tasks, outputs, 3, 3, inputs).permute(0, 1, 4, 2, 3)


def _matrix(weight: Tensor) -> Tensor:
    """(task, output, input, 3, 3) to (task, output, 9*input)."""
    if weight.stride(0) == 0:
        # One network's weights for all tasks: what has to be copied is copied once.
        return weight[:1].permute(0, 1, 3, 4, 2).flatten(2).expand(weight.shape[0], -1, -1)
    return weight.permute(0, 1, 3, 4, 2).flatten(2)


def columns(maps: Tensor, stride: int) -> Tensor:
    """What a 3x3 kernel sees at each place, padding 1: (task, batch, height', width', 9*channel).

    `maps` is (task, batch, height, width, channel), in memory too.
    """
    found: Tensor = _Columns.apply(maps, stride)
    return found


class _Columns(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, stride: int) -> Tensor:
        ctx.shape, ctx.stride = maps.shape, stride
        tasks, batch, height, width, channels = maps.shape
        high, wide = (height - 1) // stride + 1, (width - 1) // stride + 1
        padded = F.pad(maps, (0, 0, 1, 1, 1, 1)).contiguous()
        task, image, row, column, channel = padded.stride()
        seen = (tasks, batch, high, wide, 3, 3 * channels)
        steps = (task, image, stride * row, stride * column, row, channel)
        return padded.as_strided(seen, steps).reshape(tasks, batch, high, wide, 9 * channels)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _Summed.apply(grad, ctx.shape, ctx.stride), None


class _Summed(torch.autograd.Function):
    """The transpose: what stands at a place of the columns is added where it was seen."""

    @staticmethod
    def forward(ctx: Any, seen: Tensor, shape: torch.Size, stride: int) -> Tensor:
        ctx.stride = stride
        tasks, batch, height, width, channels = shape
        high, wide = seen.shape[2:4]
        taps = seen.reshape(tasks, batch, high, wide, 3, 3, channels)
        down, right = stride * (high - 1) + 1, stride * (wide - 1) + 1
        padded = seen.new_zeros(tasks, batch, down + 2, right + 2, channels)
        for i in range(3):
            for j in range(3):
                rows, places = slice(i, i + down, stride), slice(j, j + right, stride)
                padded[:, :, rows, places].add_(taps[..., i, j, :])
        return padded[:, :, 1 : height + 1, 1 : width + 1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _Columns.apply(grad, ctx.stride), None, None
