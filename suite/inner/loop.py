"""The differentiable inner loop: gradient descent on all tasks at once, through `higher`.

The fast weights carry a leading task axis. The loss of a step is the sum of the tasks' losses, so
that its gradient for each task's copy of the weights is that task's own.
"""

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from suite.models import Params
from suite.optimizers import SGD

with warnings.catch_warnings():
    # Compiled for the first time, higher 0.2.1 warns of string literals in its source.
    warnings.simplefilter("ignore", SyntaxWarning)
    import higher

higher.register_optim(SGD, higher.optim.DifferentiableSGD)

__all__ = ["Order", "higher", "inner_loop"]

Order = Literal["second", "first", "none"]


def _detach(gradients: Sequence[Tensor]) -> list[Tensor]:
    return [gradient.detach() for gradient in gradients]


@functools.lru_cache(maxsize=8)
def _differentiable_sgd(count: int, lr: float, track: bool) -> Any:
    """`higher`'s differentiable gradient descent, for `count` parameters handed to each step.

    It holds stand-ins and no weights, and making it costs as much as a step of a small network.
    """
    stand_ins = [torch.empty((), requires_grad=True) for _ in range(count)]
    return higher.get_diff_optim(SGD(stand_ins, lr=lr), stand_ins, track_higher_grads=track)


def inner_loop(
    loss: Callable[[Params], Tensor],
    params: Params,
    adapted: Sequence[str],
    *,
    lr: float,
    steps: int,
    order: Order,
) -> Iterator[Params]:
    """Yield the fast weights before and after each of `steps` gradient steps.

    `loss` maps weights to the sum of the tasks' support losses. Of `params`, only `adapted` change.
    `order` says what an outer gradient sees: every derivative (`second`: MAML), the inner gradients
    as constants (`first`: FOMAML), or nothing (`none`: test; the yielded weights are detached).
    """
    fast = dict(params)
    if order == "none":
        fast = {name: value.detach() for name, value in fast.items()}
        fast |= {name: fast[name].requires_grad_() for name in adapted}
    yield fast
    optimizer = _differentiable_sgd(len(adapted), lr, order != "none")
    for _ in range(steps):
        with torch.enable_grad():
            stepped = optimizer.step(
                loss(fast),
                params=[fast[name] for name in adapted],
                grad_callback=_detach if order == "first" else None,
            )
        # The optimizer would keep the last fast weights, and their graph, alive.
        for group in optimizer.param_groups:
            group["params"] = [None] * len(adapted)
        fast = fast | dict(zip(adapted, stepped, strict=True))
        yield fast
