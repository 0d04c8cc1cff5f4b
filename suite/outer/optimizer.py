"""What takes the outer steps: an optimizer that works element by element."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

OuterOptimizer = torch.optim.Adam | torch.optim.SGD | torch.optim.RMSprop
"""What can take outer steps: what a checkpoint can hold the state of."""


class MakeOptimizer(Protocol):
    """Makes the optimizer of the outer steps of several trainings side by side."""

    def __call__(self, params: Sequence[Tensor], lr: float, *, capturable: bool) -> OuterOptimizer:
        """The optimizer of `params`, (seed, ...); if `capturable`, a CUDA graph can hold a step."""
        ...


def adam(
    params: Sequence[Tensor], lr: float, *, capturable: bool, eps: float = 1e-8
) -> OuterOptimizer:
    """Adam with torch's betas.

    Where `capturable`, its count of steps is on the device.
    """
    return torch.optim.Adam(params, lr=lr, eps=eps, fused=True, capturable=capturable)
