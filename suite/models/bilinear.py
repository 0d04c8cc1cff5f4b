"""Differentiation of convolutions, whatever carries them out.

A convolution, its gradient for the input and its gradient for the weight are three bilinear maps,
and their derivatives are each other. Written so, every order of derivative runs the fast kernels.
Torch's own double backward of a grouped convolution loops over the groups, which is slow.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


class Bilinear(Protocol):
    """The three maps. The second operand of `output` is the weight."""

    def output(self, x: Tensor, weight: Tensor) -> Tensor:
        """y = F(x, w)."""
        ...

    def of_input(self, grad_y: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        """gx = D(gy, w), of that shape."""
        ...

    def of_weight(self, x: Tensor, grad_y: Tensor, shape: torch.Size) -> Tensor:
        """gw = W(x, gy), of that shape."""
        ...


@dataclass(frozen=True)
class Rounded:
    """The maps of operands that are rounded; results have the dtype that the operands had."""

    exact: Bilinear
    dtype: torch.dtype

    def output(self, x: Tensor, weight: Tensor) -> Tensor:
        return self.exact.output(x.to(self.dtype), weight.to(self.dtype)).to(x.dtype)

    def of_input(self, grad_y: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        operands = grad_y.to(self.dtype), weight.to(self.dtype)
        return self.exact.of_input(*operands, shape).to(grad_y.dtype)

    def of_weight(self, x: Tensor, grad_y: Tensor, shape: torch.Size) -> Tensor:
        operands = x.to(self.dtype), grad_y.to(self.dtype)
        return self.exact.of_weight(*operands, shape).to(grad_y.dtype)


def apply(maps: Bilinear, x: Tensor, weight: Tensor) -> Tensor:
    """`maps.output` of `x` and `weight`, which can be differentiated any number of times."""
    y: Tensor = _Output.apply(x, weight, maps)
    return y


class _Output(torch.autograd.Function):
    """y = F(x, w)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, maps: Bilinear) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.maps = maps
        return maps.output(x, weight)

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        return (
            _InputGradient.apply(grad_y, weight, x.shape, ctx.maps) if wants_x else None,
            _WeightGradient.apply(x, grad_y, weight.shape, ctx.maps) if wants_weight else None,
            None,
        )


class _InputGradient(torch.autograd.Function):
    """gx = D(gy, w); of x it needs the shape alone."""

    @staticmethod
    def forward(
        ctx: Any, grad_y: Tensor, weight: Tensor, shape: torch.Size, maps: Bilinear
    ) -> Tensor:
        ctx.save_for_backward(grad_y, weight)
        ctx.maps = maps
        return maps.of_input(grad_y, weight, shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        grad_y, weight = ctx.saved_tensors
        wants_y, wants_weight = ctx.needs_input_grad[:2]
        return (
            _Output.apply(grad, weight, ctx.maps) if wants_y else None,
            _WeightGradient.apply(grad, grad_y, weight.shape, ctx.maps) if wants_weight else None,
            None,
            None,
        )


class _WeightGradient(torch.autograd.Function):
    """gw = W(x, gy); of w it needs the shape alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grad_y: Tensor, shape: torch.Size, maps: Bilinear) -> Tensor:
        ctx.save_for_backward(x, grad_y)
        ctx.maps = maps
        return maps.of_weight(x, grad_y, shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, grad_y = ctx.saved_tensors
        wants_x, wants_y = ctx.needs_input_grad[:2]
        return (
            _InputGradient.apply(grad_y, grad, x.shape, ctx.maps) if wants_x else None,
            _Output.apply(x, grad, ctx.maps) if wants_y else None,
            None,
            None,
        )
