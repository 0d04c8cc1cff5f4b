"""Blocks are torch's own functions one after another, in every derivative."""

import pytest
import torch
from torch.nn import functional as F

from suite.models.block import block
from suite.models.layers import BATCH_NORM_EPS
from suite.models.maps import by_place, by_task

TASKS, BATCH, INPUTS, OUTPUTS = 2, 3, 2, 3


def operands(side: int):
    random = torch.Generator().manual_seed(0)
    x = torch.randn((TASKS, BATCH, INPUTS, side, side), generator=random, dtype=torch.double)
    weight = torch.randn((TASKS, OUTPUTS, INPUTS, 3, 3), generator=random, dtype=torch.double)
    beta = torch.randn((TASKS, OUTPUTS), generator=random, dtype=torch.double)
    return [each.requires_grad_() for each in (x, weight, beta)]


def one_by_one(x, weight, beta, *, stride, pooled):
    """(task, batch, channel, height, width), from primitives."""
    found = []
    for task in range(TASKS):
        y = F.conv2d(x[task], weight[task], stride=stride, padding=1)
        mean = y.mean((0, 2, 3), keepdim=True)
        variance = (y - mean).square().mean((0, 2, 3), keepdim=True)
        y = (y - mean) / torch.sqrt(variance + BATCH_NORM_EPS) + beta[task].view(1, -1, 1, 1)
        y = F.relu(y)
        found.append(F.max_pool2d(y, 2) if pooled else y)
    return torch.stack(found)


def by_block(x, weight, beta, *, products, **how):
    maps = by_task(x) if products else by_place(x)
    return block(maps, weight, beta, products=products, **how).permute(0, 1, 4, 2, 3)


def twice_differentiated(function, inputs, **how):
    z = function(*inputs, **how)
    first = torch.autograd.grad(z.tanh().sum(), inputs, create_graph=True)
    second = torch.autograd.grad(sum(each.sin().sum() for each in first), inputs)
    return z, *first, *second


@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize("products", [False, True])
@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_is_its_parts(stride, pooled, products, side):
    inputs, how = operands(side), {"stride": stride, "pooled": pooled}
    ours = twice_differentiated(by_block, inputs, products=products, **how)
    for one, other in zip(ours, twice_differentiated(one_by_one, inputs, **how), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("products", [False, True])
def test_a_third_derivative_is_refused(products):
    inputs = operands(6)
    z = by_block(*inputs, stride=1, pooled=True, products=products)
    first = torch.autograd.grad(z.tanh().sum(), inputs, create_graph=True)
    with pytest.raises(NotImplementedError, match="no third derivative"):
        torch.autograd.grad(first[0].sin().sum(), inputs, create_graph=True)
