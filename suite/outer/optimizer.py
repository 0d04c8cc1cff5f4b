"""The optimizers of the outer steps; all of them work element by element."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from suite.optimizers import Adam

OuterOptimizer = torch.optim.Adam | torch.optim.SGD | torch.optim.RMSprop
"""The optimizers whose state a checkpoint can hold."""


class MakeOptimizer(Protocol):
    """Makes the optimizer of the outer steps of several trainings side by side."""

    def __call__(self, params: Sequence[Tensor], lr: float, *, capturable: bool) -> OuterOptimizer:
        """The optimizer of `params`, (seed, ...); `capturable`: a CUDA graph can hold its step."""
        ...


def adam(
    params: Sequence[Tensor], lr: float, *, capturable: bool, eps: float = 1e-8
) -> OuterOptimizer:
    """Adam with torch's betas; `capturable` keeps its count of steps on the device."""
    return Adam(params, lr=lr, eps=eps, fused=True, capturable=capturable)
