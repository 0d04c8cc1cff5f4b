"""Convolution that is closed under differentiation.

Convolution, its gradient for the input and its gradient for the weight are three bilinear maps, and
their derivatives are each other. Written so, every order of derivative runs the fast kernels;
torch's own double backward of a grouped convolution loops over the groups, which is slow.
"""

from typing import Any

import torch
from torch import Tensor

_convolution = torch.ops.aten.convolution.default
_convolution_backward = torch.ops.aten.convolution_backward.default

_PADDING = [1, 1]
_UNIT = [1, 1]


def _output(x: Tensor, weight: Tensor, stride: int, groups: int) -> Tensor:
    y: Tensor = _convolution(
        x, weight, None, [stride, stride], _PADDING, _UNIT, False, [0, 0], groups
    )
    return y


def _gradient(
    grad_y: Tensor, x: Tensor, weight: Tensor, stride: int, groups: int, *, of_input: bool
) -> Tensor:
    grads = _convolution_backward(
        grad_y,
        x,
        weight,
        None,
        [stride, stride],
        _PADDING,
        _UNIT,
        False,
        [0, 0],
        groups,
        [of_input, not of_input, False],
    )
    gradient: Tensor = grads[0] if of_input else grads[1]
    return gradient


class _Output(torch.autograd.Function):
    """y = F(x, w)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, groups: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.numbers = stride, groups
        return _output(x, weight, stride, groups)

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        grad_x = _InputGradient.apply(grad_y, weight, x.shape, *ctx.numbers) if wants_x else None
        grad_weight = (
            _WeightGradient.apply(x, grad_y, weight.shape, *ctx.numbers) if wants_weight else None
        )
        return grad_x, grad_weight, None, None


class _InputGradient(torch.autograd.Function):
    """gx = D(gy, w); of x it needs the shape alone."""

    @staticmethod
    def forward(
        ctx: Any, grad_y: Tensor, weight: Tensor, shape: torch.Size, stride: int, groups: int
    ) -> Tensor:
        ctx.save_for_backward(grad_y, weight)
        ctx.numbers = stride, groups
        x = grad_y.new_empty(shape)
        return _gradient(grad_y, x, weight, stride, groups, of_input=True)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        grad_y, weight = ctx.saved_tensors
        wants_y, wants_weight = ctx.needs_input_grad[:2]
        return (
            _Output.apply(grad, weight, *ctx.numbers) if wants_y else None,
            _WeightGradient.apply(grad, grad_y, weight.shape, *ctx.numbers)
            if wants_weight
            else None,
            None,
            None,
            None,
        )


class _WeightGradient(torch.autograd.Function):
    """gw = W(x, gy); of w it needs the shape alone."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, grad_y: Tensor, shape: torch.Size, stride: int, groups: int
    ) -> Tensor:
        ctx.save_for_backward(x, grad_y)
        ctx.numbers = stride, groups
        weight = x.new_empty(shape)
        return _gradient(grad_y, x, weight, stride, groups, of_input=False)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, grad_y = ctx.saved_tensors
        wants_x, wants_y = ctx.needs_input_grad[:2]
        return (
            _InputGradient.apply(grad_y, grad, x.shape, *ctx.numbers) if wants_x else None,
            _Output.apply(x, grad, *ctx.numbers) if wants_y else None,
            None,
            None,
            None,
        )


def conv2d(x: Tensor, weight: Tensor, *, stride: int) -> Tensor:
    """3x3 convolution with padding 1, every task by its own weights.

    `x` is (batch, task*input, height, width) and `weight` (task, output, input, 3, 3); the result
    is (batch, task*output, height', width').
    """
    tasks = weight.shape[0]
    y: Tensor = _Output.apply(x, weight.flatten(0, 1), stride, tasks)
    return y
