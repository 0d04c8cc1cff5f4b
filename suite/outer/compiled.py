"""The meta-gradient as one flat graph, traced through `higher` and fused by inductor.

Compiling code that itself calls `torch.autograd.grad` has given wrong gradients without an error;
compiling the traced graph has not. All the same the first result is compared with the eager one.
"""

import logging
import time
import warnings
from dataclasses import fields

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from suite.data.tasks import TaskBatch
from suite.errors import SuiteError
from suite.inner.learner import Learner
from suite.outer.gradient import Gradient, MetaGradient

log = logging.getLogger(__name__)

# Relative; single precision itself is off by a percent where ReLU and pooling flip decisions.
_LOSS_TOLERANCE, _GRADIENT_TOLERANCE = 1e-3, 0.1


class NotCompiled(SuiteError):
    """Compiling failed, or gave another meta-gradient."""


def compile_gradient(gradient: Gradient, learner: Learner, batch: TaskBatch) -> Gradient:
    """`gradient` compiled for this network and batches shaped as `batch`.

    Raises `NotCompiled` where compiling fails or the result is another one.
    """
    log.info("compiling the meta-gradient: a minute or more the first time, then from the cache")
    began = time.monotonic()
    # First, since what `higher` keeps between steps must not be made while tracing.
    expected = gradient(learner, batch)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's compiler uses what torch deprecates
            compiled = _compile(gradient, learner, batch)
            found = compiled(learner, batch)
    except Exception as error:  # whatever a compiler raises
        lines = str(error).splitlines()
        raise NotCompiled(f"{type(error).__name__}: {' '.join(lines[:2])}") from error
    _require_alike(found, expected)
    log.info("compiled in %.0f s", time.monotonic() - began)
    return compiled


def _compile(gradient: Gradient, learner: Learner, batch: TaskBatch) -> Gradient:
    names = tuple(learner.params)
    parts = tuple(each.name for each in fields(batch) if getattr(batch, each.name) is not None)

    def flat(*values: Tensor) -> tuple[Tensor, ...]:
        params = dict(zip(names, values[: len(names)], strict=True))
        inputs = dict(zip(parts, values[len(names) :], strict=True))
        traced = Learner(config=learner.config, network=learner.network, params=params)
        found = gradient(traced, TaskBatch(**inputs))
        return found.losses, found.scores, *found.gradients.values()

    def arguments(learner: Learner, batch: TaskBatch) -> list[Tensor]:
        return [*learner.params.values(), *(getattr(batch, part) for part in parts)]

    graph = make_fx(flat, tracing_mode="fake")(*arguments(learner, batch))
    fused = torch.compile(graph, fullgraph=True, dynamic=False)

    def compiled(learner: Learner, batch: TaskBatch) -> MetaGradient:
        with torch.no_grad():
            losses, scores, *gradients = fused(*arguments(learner, batch))
        return MetaGradient(
            losses=losses, scores=scores, gradients=dict(zip(names, gradients, strict=True))
        )

    return compiled


def _require_alike(found: MetaGradient, expected: MetaGradient) -> None:
    def flat(each: MetaGradient) -> Tensor:
        return torch.cat([value.flatten() for value in each.gradients.values()])

    for what, one, other, tolerance in (
        ("losses", found.losses, expected.losses, _LOSS_TOLERANCE),
        ("gradients", flat(found), flat(expected), _GRADIENT_TOLERANCE),
    ):
        error = float((one - other).norm() / other.norm())
        if not error <= tolerance:
            raise NotCompiled(f"its {what} differ from the eager ones by {error:.1e} relative")
