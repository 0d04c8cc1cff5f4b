"""3x3 convolution of several tasks' images, (batch, task*channel, height, width).

By torch's convolutions, grouped by task, or as matrix products, one a task, of what the kernel sees
at each place (im2col). On a GPU Omniglot's products take a half to a third of the time of cuDNN's
grouped convolutions, and mini-ImageNet's more than twice as long: the reduction over all places of
all images, for a gradient of few weights, is slow (docs/gpu.md). The results of products lie in
memory channel by channel.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.models import bilinear
from suite.models.bilinear import Bilinear, Rounded

_convolution = torch.ops.aten.convolution.default
_convolution_backward = torch.ops.aten.convolution_backward.default


@dataclass(frozen=True)
class Grouped:
    """The three maps by torch's convolutions, grouped by task."""

    stride: int
    groups: int

    def _arguments(self) -> tuple[Any, ...]:
        return (None, [self.stride, self.stride], [1, 1], [1, 1], False, [0, 0], self.groups)

    def output(self, x: Tensor, weight: Tensor) -> Tensor:
        y: Tensor = _convolution(x, weight, *self._arguments())
        return y

    def of_input(self, grad_y: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        # The layout of what stands for the input decides that of the result.
        last = not grad_y.is_contiguous() and grad_y.is_contiguous(
            memory_format=torch.channels_last
        )
        layout = torch.channels_last if last else torch.contiguous_format
        like = torch.empty(shape, dtype=grad_y.dtype, device=grad_y.device, memory_format=layout)
        wanted = [True, False, False]
        grads = _convolution_backward(grad_y, like, weight, *self._arguments(), wanted)
        gradient: Tensor = grads[0]
        return gradient

    def of_weight(self, x: Tensor, grad_y: Tensor, shape: torch.Size) -> Tensor:
        like, wanted = grad_y.new_empty(shape), [False, True, False]
        grads = _convolution_backward(grad_y, x, like, *self._arguments(), wanted)
        gradient: Tensor = grads[1]
        return gradient


@dataclass(frozen=True)
class _Products:
    """The three maps by matrix products, whose columns are built anew for each."""

    stride: int
    groups: int

    def output(self, x: Tensor, weight: Tensor) -> Tensor:
        return _output(x, weight, self.stride, self.groups)

    def of_input(self, grad_y: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        return _of_input(grad_y, weight, shape, self.stride, self.groups)

    def of_weight(self, x: Tensor, grad_y: Tensor, shape: torch.Size) -> Tensor:
        return _of_weight(grad_y, x, self.stride, self.groups)


def _output(x: Tensor, weight: Tensor, stride: int, groups: int) -> Tensor:
    """The convolution as a product of the weights of each task with its columns."""
    height, width = ((side - 1) // stride + 1 for side in x.shape[-2:])
    y = weight.reshape(groups, -1, weight[0].numel()) @ _columns(x, stride, groups)
    by_channel: Tensor = y.view(-1, x.shape[0], height, width)
    return by_channel.transpose(0, 1)


def _of_input(
    grad_y: Tensor, weight: Tensor, shape: torch.Size, stride: int, groups: int
) -> Tensor:
    """The gradient for the input, of `shape`; sums over the kernel are in float32 at least."""
    batch, inputs = shape[0], weight.shape[1]
    by_task = weight.reshape(groups, -1, weight[0].numel())  # (task, output, input*9)
    columns = by_task.mT @ _rows(grad_y, groups)  # (task, input*9, batch*place)
    images = columns.unflatten(2, (batch, -1)).transpose(1, 2).flatten(0, 1)
    exact = images.to(torch.promote_types(images.dtype, torch.float32))
    summed: Tensor = F.fold(exact, shape[-2:], 3, padding=1, stride=stride)
    by_task_shape = (groups, batch, inputs, *shape[-2:])
    return summed.view(by_task_shape).transpose(0, 1).flatten(1, 2)


def _of_weight(grad_y: Tensor, x: Tensor, stride: int, groups: int) -> Tensor:
    """The gradient of the convolution for the weight."""
    gradient: Tensor = _rows(grad_y, groups) @ _columns(x, stride, groups).mT
    return gradient.reshape(grad_y.shape[1], -1, 3, 3)


def _rows(y: Tensor, groups: int) -> Tensor:
    """(batch, task*channel, height, width) to (task, channel, batch*place)."""
    rows: Tensor = y.transpose(0, 1).flatten(1).unflatten(0, (groups, -1))
    return rows


def _columns(x: Tensor, stride: int, groups: int) -> Tensor:
    """What a 3x3 kernel sees at each place.

    (batch, task*channel, height, width) to (task, channel*9, batch*place).
    """
    padded = F.pad(x.transpose(0, 1), (1, 1, 1, 1))
    seen = padded.unfold(2, 3, stride).unfold(3, 3, stride)  # (t*c, batch, h', w', 3, 3)
    return seen.permute(0, 4, 5, 1, 2, 3).reshape(groups, -1, seen[0, ..., 0, 0].numel())


def conv2d(
    x: Tensor,
    weight: Tensor,
    *,
    stride: int,
    rounded: torch.dtype | None = None,
    products: bool = False,
) -> Tensor:
    """3x3 convolution with padding 1, every task by its own weights.

    `x` is (batch, task*input, height, width) and `weight` (task, output, input, 3, 3); the result
    is (batch, task*output, height', width'). The operands are `rounded`, in the derivatives of
    every order too. Whether the maps are matrix `products` changes rounding and speed.
    """
    maps: Bilinear = (_Products if products else Grouped)(stride, weight.shape[0])
    if rounded is not None:
        maps = Rounded(maps, rounded)
    return bilinear.apply(maps, x, weight.flatten(0, 1))
