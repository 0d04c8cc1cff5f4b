"""Convolution that is closed under differentiation.

Convolution, its gradient for the input and its gradient for the weight are three bilinear maps, and
their derivatives are each other. Written so, every order of derivative runs the fast kernels;
torch's own double backward of a grouped convolution loops over the groups, which is slow.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

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

    def output(self, x: Tensor, weight: Tensor) -> Tensor:
        """y = F(x, w)."""
        step = [self.stride, self.stride]
        arguments = (None, step, _PADDING, _UNIT, False, [0, 0], self.groups)
        y: Tensor = _convolution(self._operand(x), self._operand(weight), *arguments)
        return y.to(x.dtype)

    def gradient(self, grad_y: Tensor, x: Tensor, weight: Tensor, *, of_input: bool) -> Tensor:
        """D(gy, w), where `x` has the shape of the result, or W(x, gy), where `weight` has it."""
        step = [self.stride, self.stride]
        operands = [self._operand(each) for each in (grad_y, x, weight)]
        wanted = [of_input, not of_input, False]
        arguments = (None, step, _PADDING, _UNIT, False, [0, 0], self.groups, wanted)
        grads = _convolution_backward(*operands, *arguments)
        gradient: Tensor = grads[0] if of_input else grads[1]
        return gradient.to(grad_y.dtype)

    def _operand(self, value: Tensor) -> Tensor:
        return value if self.rounded is None else value.to(self.rounded)


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


def conv2d(x: Tensor, weight: Tensor, *, stride: int, rounded: torch.dtype | None = None) -> Tensor:
    """3x3 convolution with padding 1, every task by its own weights.

    `x` is (batch, task*input, height, width) and `weight` (task, output, input, 3, 3); the result
    is (batch, task*output, height', width'). The operands are `rounded`, in the derivatives of
    every order too.
    """
    how = _How(stride=stride, groups=weight.shape[0], rounded=rounded)
    y: Tensor = _Output.apply(x, weight.flatten(0, 1), how)
    return y
