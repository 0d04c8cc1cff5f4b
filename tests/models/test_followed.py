"""Pooling before a normalisation with gamma is Torch's own functions one after another."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from suite.models.followed import followed
from suite.models.layers import BATCH_NORM_EPS
from suite.models.maps import by_place, by_task

TASKS, BATCH, CHANNELS = 2, 3, 4


def operands(side: int):
    random = torch.Generator().manual_seed(0)
    shape = (TASKS, BATCH, CHANNELS, side, side)
    y = torch.randn(shape, generator=random, dtype=torch.double) + 1
    gamma = torch.rand((TASKS, CHANNELS), generator=random, dtype=torch.double)
    beta = torch.randn((TASKS, CHANNELS), generator=random, dtype=torch.double)
    return [each.requires_grad_() for each in (y, gamma, beta)]


def one_by_one(y, gamma, beta, *, pooled):
    """Maps (task, batch, channel, height, width) and statistics, by Torch's modules."""
    maps, means, variances = [], [], []
    for task in range(TASKS):
        norm = nn.BatchNorm2d(CHANNELS, eps=BATCH_NORM_EPS, momentum=1.0, affine=False).double()
        z = norm(y[task]) * gamma[task].view(-1, 1, 1) + beta[task].view(-1, 1, 1)
        maps.append(F.max_pool2d(F.relu(z), 2) if pooled else F.relu(z))
        means.append(norm.running_mean)
        count = y[task, :, 0].numel()
        variances.append(norm.running_var * (count - 1) / count)
    return tuple(torch.stack(each) for each in (maps, means, variances))


@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize("arranged", [by_task, by_place])
@pytest.mark.parametrize("pooled", [False, True])
def test_it_is_its_parts(pooled, arranged, side):
    inputs = operands(side)
    z, *statistics = followed(arranged(inputs[0]), *inputs[1:], pooled=pooled)
    ours = z.permute(0, 1, 4, 2, 3), *statistics
    theirs = one_by_one(*inputs, pooled=pooled)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    gradients = [torch.autograd.grad(each[0].tanh().sum(), inputs) for each in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)
    assert not any(each.requires_grad for each in statistics)


def test_a_second_derivative_is_refused():
    inputs = operands(6)
    z, *_ = followed(by_place(inputs[0]), *inputs[1:], pooled=True)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        torch.autograd.grad(z.tanh().sum(), inputs, create_graph=True)
