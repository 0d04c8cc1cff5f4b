"""Full-context embeddings: features that know of the whole support set (Vinyals et al. 2016).

As Ravi and Larochelle released them (model/baselines/FCE-embedding.lua): two LSTMs read the support
set, one from each end, and a third one that attends to it refines a query's features. Every weight
starts at zero, so that features are at first what they were.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from suite.models import Params
from suite.models.layers import linear

_ATTENTION = ("query", "read", "state", "bias")
_CONTEXT = ("input", "state", "bias")


def context_weights(features: int) -> Params:
    """All weights of the three LSTMs, without a seed axis; each has as many units as features.

    Those of `context` read the support set forward and backward, that of `attention` looks at it.
    """
    gates = 4 * features
    return {
        "context.input": torch.zeros(2, gates, features),  # forward, backward
        "context.state": torch.zeros(2, gates, features),
        "context.bias": torch.zeros(2, gates),
        "attention.query": torch.zeros(gates, features),
        "attention.read": torch.zeros(gates, features),
        "attention.state": torch.zeros(gates, features),
        "attention.bias": torch.zeros(gates),
    }


def support_in_context(
    params: Params, support: Tensor, *, aligned: bool, rounded: torch.dtype | None = None
) -> Tensor:
    """The features of support sets, (seed, task, item, feature), plus both LSTMs' outputs.

    The backward LSTM reads item n first and item 1 last. Where outputs are `aligned`, item i has
    the one after reading item i; as released, it has the one after reading i items, which was
    item n + 1 - i. See `linear` for `rounded`.
    """
    both = torch.stack((support, support.flip(2)), dim=1).flatten(0, 1)
    weights = (params[f"context.{name}"].flatten(0, 1) for name in _CONTEXT)
    outputs = _lstm(both, *weights, rounded=rounded)
    forward, backward = outputs.unflatten(0, (-1, 2)).unbind(1)
    found: Tensor = support + forward + (backward.flip(2) if aligned else backward)
    return found


def query_in_context(
    params: Params,
    query: Tensor,
    support: Tensor,
    *,
    reads: int,
    rounded: torch.dtype | None = None,
) -> Tensor:
    """The features of query sets, (seed, task, query, feature), after `reads` looks at `support`.

    There is one look at least. The first reads the mean of the support's features, (seed, task,
    item, feature). Each further one weights them by a softmax over their products with the state,
    which is the query's features plus what the LSTM has put out.
    """
    of_query, of_read, of_state, bias = (params[f"attention.{name}"] for name in _ATTENTION)
    product = partial(_product, rounded=rounded)
    seen = product(query, of_query, bias)
    gates = seen + product(support.mean(2, keepdim=True), of_read)
    output, cell = _units(gates, torch.zeros_like(query))
    state = query + output
    for _ in range(reads - 1):
        read = (state @ support.mT).softmax(-1) @ support
        gates = seen + product(read, of_read) + product(state, of_state)
        output, cell = _units(gates, cell)
        state = query + output
    return state


def clipped_together(weights: Params, norm: float) -> Params:
    """`weights`, (seed, ...), whose gradients have a common norm of at most `norm` in each seed."""
    return dict(zip(weights, _Clipped.apply(norm, *weights.values()), strict=True))


def _product(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, rounded: torch.dtype | None
) -> Tensor:
    """(seed, task, example, feature) by (seed, gate, feature): (seed, task, example, gate)."""
    y = linear(x.flatten(1, 2), weight, bias, rounded=rounded)
    by_task: Tensor = y.unflatten(1, x.shape[1:3])
    return by_task


def _units(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Output and cell of LSTM units from the sums of all that comes in."""
    write, keep, show, value = gates.chunk(4, dim=-1)
    cell = keep.sigmoid() * cell + write.sigmoid() * value.tanh()
    return show.sigmoid() * cell.tanh(), cell


def _lstm(
    x: Tensor, of_input: Tensor, of_state: Tensor, bias: Tensor, *, rounded: torch.dtype | None
) -> Tensor:
    """The outputs for sequences (net, task, step, feature), each net by its own weights."""
    states: list[Tensor] = []
    seen = _product(x, of_input, bias, rounded=rounded)
    seen = _Learned.apply(seen, of_state, states, rounded)
    operand = rounded or x.dtype
    # On the right, which is fast for few rows both ways: see `linear`.
    weight = of_state.detach().to(operand).mT
    output = cell = torch.zeros_like(x[:, :, 0])
    outputs = []
    for gates in seen.unbind(2):
        states.append(output.detach())
        output, cell = _units(gates + (output.to(operand) @ weight).to(x.dtype), cell)
        outputs.append(output)
    return torch.stack(outputs, dim=2)


class _Learned(torch.autograd.Function):
    """What the gates have from outside, with the gradient of the weights that read the states.

    It is one product over all steps; added up step by step, it would be written as often as there
    are steps, which takes several times as long as all else. `states`, (net, task, feature) each,
    are there by the time of the backward pass.
    """

    @staticmethod
    def forward(
        ctx: Any,
        seen: Tensor,
        of_state: Tensor,
        states: list[Tensor],
        rounded: torch.dtype | None,
    ) -> Tensor:
        ctx.states, ctx.rounded = states, rounded
        return seen.view_as(seen)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        operand = ctx.rounded or gradient.dtype
        gates, states = (
            each.flatten(1, 2).to(operand) for each in (gradient, torch.stack(ctx.states, dim=2))
        )
        return gradient, (gates.mT @ states).to(gradient.dtype), None, None


class _Clipped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, norm: float, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.norm = norm
        return tuple(weight.view_as(weight) for weight in weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        squares = torch.stack([each.flatten(1).square().sum(1) for each in gradients]).sum(0)
        factor = (ctx.norm / squares.sqrt()).clamp(max=1.0)
        scaled = (each * factor.view(-1, *(1,) * (each.ndim - 1)) for each in gradients)
        return None, *scaled
