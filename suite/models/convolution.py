"""Convolution that is closed under differentiation.

Convolution, its gradient for the input and its gradient for the weight are three bilinear maps, and
their derivatives are each other. Written so, every order of derivative runs the fast kernels;
torch's own double backward of a grouped convolution loops over the groups, which is slow.

On a GPU the maps of several tasks are matrix products, one a task, of what the kernel sees at each
place (im2col), where the stride is 2: Omniglot's take a half to a third of the time that cuDNN's
grouped convolutions take. mini-ImageNet's large images take more than twice as long as products:
the reduction over all places of all images, for a gradient of few weights, is slow
(docs/gpu.md). The results of products lie in memory channel by channel.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_convolution = torch.ops.aten.convolution.default
_convolution_backward = torch.ops.aten.convolution_backward.default

_PADDING = [1, 1]
_UNIT = [1, 1]


@dataclass(frozen=True)
class _How:
    """What the three maps have in common."""

    stride: int
    groups: int
    rounded: torch.dtype | None
    """What operands are rounded to; results have the dtype that the operands had."""
    products: bool
    """Whether the maps are matrix products."""

    def output(self, x: Tensor, weight: Tensor) -> Tensor:
        """y = F(x, w)."""
        if self.products:
            x_seen, w = self._operand(x), self._operand(weight)
            return _output(x_seen, w, self.stride, self.groups).to(x.dtype)
        step = [self.stride, self.stride]
        arguments = (None, step, _PADDING, _UNIT, False, [0, 0], self.groups)
        y: Tensor = _convolution(self._operand(x), self._operand(weight), *arguments)
        return y.to(x.dtype)

    def gradient(self, grad_y: Tensor, x: Tensor, weight: Tensor, *, of_input: bool) -> Tensor:
        """D(gy, w), where `x` has the shape of the result, or W(x, gy), where `weight` has it."""
        if self.products:
            seen, x, weight = (self._operand(each) for each in (grad_y, x, weight))
            if of_input:
                return _of_input(seen, x, weight, self.stride, self.groups, grad_y.dtype)
            return _of_weight(seen, x, self.stride, self.groups).to(grad_y.dtype)
        step = [self.stride, self.stride]
        operands = [self._operand(each) for each in (grad_y, x, weight)]
        wanted = [of_input, not of_input, False]
        arguments = (None, step, _PADDING, _UNIT, False, [0, 0], self.groups, wanted)
        grads = _convolution_backward(*operands, *arguments)
        gradient: Tensor = grads[0] if of_input else grads[1]
        return gradient.to(grad_y.dtype)

    def _operand(self, value: Tensor) -> Tensor:
        return value if self.rounded is None else value.to(self.rounded)


def _output(x: Tensor, weight: Tensor, stride: int, groups: int) -> Tensor:
    """The convolution as a product of the weights of each task with its columns."""
    height, width = ((side - 1) // stride + 1 for side in x.shape[-2:])
    y = weight.reshape(groups, -1, weight[0].numel()) @ _columns(x, stride, groups)
    by_channel: Tensor = y.view(-1, x.shape[0], height, width)
    return by_channel.transpose(0, 1)


def _of_input(
    grad_y: Tensor, x: Tensor, weight: Tensor, stride: int, groups: int, dtype: torch.dtype
) -> Tensor:
    """Its gradient for the input, summed over the kernel in `dtype`."""
    batch, inputs = len(x), weight.shape[1]
    by_task = weight.reshape(groups, -1, weight[0].numel())  # (task, output, input*9)
    columns = (by_task.mT @ _rows(grad_y, groups)).to(dtype)  # (task, input*9, batch*place)
    images = columns.unflatten(2, (batch, -1)).transpose(1, 2).flatten(0, 1)
    summed: Tensor = F.fold(images, x.shape[-2:], 3, padding=1, stride=stride)
    shape = (groups, batch, inputs, *x.shape[-2:])
    return summed.view(shape).transpose(0, 1).flatten(1, 2)


def _of_weight(grad_y: Tensor, x: Tensor, stride: int, groups: int) -> Tensor:
    """Its gradient for the weight."""
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


class _Output(torch.autograd.Function):
    """y = F(x, w)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, how: _How) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how = how
        return how.output(x, weight)

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        return (
            _InputGradient.apply(grad_y, weight, x.shape, ctx.how) if wants_x else None,
            _WeightGradient.apply(x, grad_y, weight.shape, ctx.how) if wants_weight else None,
            None,
        )


class _InputGradient(torch.autograd.Function):
    """gx = D(gy, w); of x it needs the shape alone."""

    @staticmethod
    def forward(ctx: Any, grad_y: Tensor, weight: Tensor, shape: torch.Size, how: _How) -> Tensor:
        ctx.save_for_backward(grad_y, weight)
        ctx.how = how
        return how.gradient(grad_y, grad_y.new_empty(shape), weight, of_input=True)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        grad_y, weight = ctx.saved_tensors
        wants_y, wants_weight = ctx.needs_input_grad[:2]
        return (
            _Output.apply(grad, weight, ctx.how) if wants_y else None,
            _WeightGradient.apply(grad, grad_y, weight.shape, ctx.how) if wants_weight else None,
            None,
            None,
        )


class _WeightGradient(torch.autograd.Function):
    """gw = W(x, gy); of w it needs the shape alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grad_y: Tensor, shape: torch.Size, how: _How) -> Tensor:
        ctx.save_for_backward(x, grad_y)
        ctx.how = how
        return how.gradient(grad_y, x, x.new_empty(shape), of_input=False)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, grad_y = ctx.saved_tensors
        wants_x, wants_y = ctx.needs_input_grad[:2]
        return (
            _InputGradient.apply(grad_y, grad, x.shape, ctx.how) if wants_x else None,
            _Output.apply(x, grad, ctx.how) if wants_y else None,
            None,
            None,
        )


def conv2d(
    x: Tensor,
    weight: Tensor,
    *,
    stride: int,
    rounded: torch.dtype | None = None,
    products: bool | None = None,
) -> Tensor:
    """3x3 convolution with padding 1, every task by its own weights.

    `x` is (batch, task*input, height, width) and `weight` (task, output, input, 3, 3); the result
    is (batch, task*output, height', width'). The operands are `rounded`, in the derivatives of
    every order too. Whether the maps are matrix `products` changes rounding and speed; by default
    they are for several tasks on a GPU with stride 2.
    """
    tasks = weight.shape[0]
    if products is None:
        products = x.is_cuda and tasks > 1 and stride == 2
    how = _How(stride=stride, groups=tasks, rounded=rounded, products=products)
    y: Tensor = _Output.apply(x, weight.flatten(0, 1), how)
    return y
