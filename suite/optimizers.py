"""torch's optimizers, without what makes the first of a process import torch's compiler.

torch wraps their methods so that `torch.compile` leaves them alone. Each wrapper imports the
compiler when it is first called, which takes two seconds: more than torch itself. Nothing here
compiles an optimizer, so these have the methods below the wrappers. They are equal otherwise.
"""

import inspect
from typing import TypeVar

import torch

__all__ = ["SGD", "Adam", "RMSprop"]

_Optimizer = TypeVar("_Optimizer", bound=torch.optim.Optimizer)


def _unwrapped(kind: type[_Optimizer]) -> type[_Optimizer]:
    methods = {"add_param_group": inspect.unwrap(kind.add_param_group)}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {"__module__": __name__, **methods})


Adam = _unwrapped(torch.optim.Adam)
SGD = _unwrapped(torch.optim.SGD)
RMSprop = _unwrapped(torch.optim.RMSprop)
