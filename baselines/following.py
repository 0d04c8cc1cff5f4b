"""State that no gradient moves: running averages, a memory, a count of iterations.

It is kept as weights that `Network.averages` names, so that it lies in checkpoints, goes with its
seed, and is left alone by Adam. An objective hands over how far it moves, in place of a gradient.
"""

from torch import Tensor

from suite.models import Params


def follow(params: Params, moved: Params) -> Tensor:
    """Zero for each seed, (seed,), with a gradient that takes each state to where it has `moved`.

    Both are (seed, ...). The gradient is `state - moved`, and the engine subtracts it.
    """
    terms = [
        (params[name] * (params[name] - value).detach()).flatten(1).sum(1)
        for name, value in moved.items()
    ]
    total = sum(terms[1:], terms[0])
    return total - total.detach()
