"""The outer step: TRPO on policies that have adapted, with exact second-order terms.

A task's policy is phi = theta - alpha * gradient L(theta), with J = d phi / d theta. A vector
passes the transpose of J by one product with a graph that `suite.inner` keeps. So the meta-gradient
is the mean over tasks of J^T gradient S(phi), and a Fisher product of v is the mean of J^T F(phi) J
v, where F is the Hessian of the divergence from the old policy at that policy itself. No third
derivative is ever built. The authors took finite differences instead (their
`FiniteDifferenceHvp`).

Where the inner step changes all weights, J is symmetric. Where it changes some alone, J v is the
derivative of the sum of (J^T u) * v in u, which is linear in u.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse.linalg import LinearOperator, cg
from torch import Tensor

from suite.inner.loop import Order
from suite.models import Params
from suite.models.network import per_task
from suite.rl.adapt import adapted, surrogate
from suite.rl.policy import distribution, divergence
from suite.rl.sampling import Trajectories

_ITERATIONS, _DAMPING = 10, 1e-5
_SHRINK, _TRIES = 0.8, 15


@dataclass(frozen=True, kw_only=True)
class Region:
    """How far and by what a step goes."""

    divergence: float
    """The greatest mean divergence of the new policies from the old, in nats."""
    fisher_tasks: int | None = None
    """Tasks that Fisher products are taken over; None for all."""
    fisher_every: int = 1
    """And every how many-th sample of the adapted policies; those of the inner step always all.

    Samples are in the order of time and then of trajectories: with a divisor in common with their
    number only some trajectories count, and too few of them lead astray.
    """


@dataclass(frozen=True, kw_only=True)
class Update:
    """What a step did."""

    params: Params
    """The new meta-weights, (1, ...); the old ones where no step was found."""
    gain: float
    """The gain of the surrogate by the step that was taken; 0 where none was."""
    divergence: float
    tries: int
    """Steps tried, each 0.8 of the one before; 0 where there was no direction."""


class Meta:
    """Meta-weights (1, ...) and the two batches: of the policy, and of the adapted policies `old`
    (task, ...), which `adapt` gives. The inner step changes the weights of `names`, or all."""

    def __init__(
        self,
        params: Params,
        inner: Trajectories,
        old: Params,
        outer: Trajectories,
        lr: float,
        order: Order,
        names: tuple[str, ...] | None = None,
    ) -> None:
        self.params, self.lr, self.order, self.names = params, lr, order, names
        self.inner, self.old, self.outer = inner, old, outer
        self.tasks = len(inner.returns)
        self.steps = inner.steps + (outer.steps if outer is not inner else 0)

    @staticmethod
    def adapt(
        params: Params,
        inner: Trajectories,
        lr: float,
        order: Order,
        names: tuple[str, ...] | None = None,
    ) -> Params:
        """Each task's weights (task, ...) after its inner step from `params` (1, ...).

        Where `lr` is 0 they are the meta-weights, and TRPO is what it is without meta-learning.
        """
        copies = per_task(params, len(inner.returns))
        return copies if lr == 0.0 else adapted(copies, inner, lr, order, names=names)

    def objective(self, params: Params) -> tuple[float, float]:
        """The surrogate loss and the divergence from the old policies, means over tasks."""
        after = self.adapt(params, self.inner, self.lr, "none", self.names)
        with torch.no_grad():
            loss = surrogate(after, self.old, self.outer).mean()
            away = self._divergence(after, self.old, self.outer).mean()
        return float(loss), float(away)

    def gradient(self) -> Params:
        """The gradient of the surrogate loss in the meta-weights."""
        params = {name: value.detach().requires_grad_() for name, value in self.params.items()}
        after = self.adapt(params, self.inner, self.lr, self.order, self.names)
        loss = surrogate(after, self.old, self.outer).mean()
        found = torch.autograd.grad(loss, list(params.values()))
        return dict(zip(params, found, strict=True))

    def fisher(self, region: Region) -> "Fisher":
        """The products with the Fisher matrix of the adapted policies in the meta-weights."""
        tasks = self.tasks if region.fisher_tasks is None else min(self.tasks, region.fisher_tasks)
        return Fisher(self, tasks, region.fisher_every)

    @staticmethod
    def _divergence(params: Params, old: Params, batch: Trajectories) -> Tensor:
        both = (distribution(each, batch.observations) for each in (old, params))
        return (divergence(*both) * batch.weights).sum(1)


class Fisher:
    """See `Meta.fisher`; the graphs are built once and serve every product."""

    def __init__(self, meta: Meta, tasks: int, every: int) -> None:
        self.tasks = tasks
        inner, outer = meta.inner.part(tasks), meta.outer.part(tasks, every)
        copies = per_task(meta.params, tasks)
        self._before = {name: value.detach().requires_grad_() for name, value in copies.items()}
        still_one = meta.lr == 0.0
        self._after = (
            self._before
            if still_one
            else adapted(self._before, inner, meta.lr, meta.order, names=meta.names)
        )
        self._symmetric = still_one or set(meta.names or copies) == set(copies)
        if not self._symmetric:
            self._any = [torch.zeros_like(value).requires_grad_() for value in copies.values()]
            self._turned = self._transposed(self._any, create_graph=True)
        at = {name: value.detach().requires_grad_() for name, value in self._after.items()}
        still = {name: value.detach() for name, value in at.items()}
        away = meta._divergence(at, still, outer).sum()
        self._at = list(at.values())
        self._slope = torch.autograd.grad(away, self._at, create_graph=True)

    def __call__(self, vector: Params) -> Params:
        """The product with `vector` (1, ...), a mean over tasks."""
        copies = per_task(vector, self.tasks)
        moved = self._through([copies[name] for name in self._before])
        turned = torch.autograd.grad(self._slope, self._at, moved, retain_graph=True)
        back = self._transposed(list(turned))
        return {name: value.mean(0, keepdim=True) for name, value in zip(vector, back, strict=True)}

    def _through(self, vectors: list[Tensor]) -> list[Tensor]:
        """The product of d phi / d theta of each task with `vectors`."""
        if self._symmetric:
            return self._transposed(vectors)
        return list(torch.autograd.grad(self._turned, self._any, vectors, retain_graph=True))

    def _transposed(self, vectors: list[Tensor], *, create_graph: bool = False) -> list[Tensor]:
        """The product of the transpose of d phi / d theta of each task with `vectors`."""
        outputs, inputs = list(self._after.values()), list(self._before.values())
        return list(
            torch.autograd.grad(
                outputs, inputs, vectors, retain_graph=True, create_graph=create_graph
            )
        )


def trpo_step(meta: Meta, region: Region) -> Update:
    """The natural gradient by conjugate gradients, then the longest step that does what it should.

    It must better the surrogate and stay within the region; where none of 15 does, nothing changes.
    """
    gradient = flat(meta.gradient())
    fisher = meta.fisher(region)

    def damped(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return flat(fisher(unflat(vector, meta.params))) + _DAMPING * vector

    size = len(gradient)
    operator = LinearOperator((size, size), matvec=damped, dtype=np.float64)
    direction, _ = cg(operator, gradient, rtol=0.0, atol=1e-10, maxiter=_ITERATIONS)
    # The residual of conjugate gradients is orthogonal to what they have found: no further product.
    curvature = float(direction @ gradient)
    # The value for the old policies themselves: no ratio, no divergence.
    before = float(-(meta.outer.advantages * meta.outer.weights).sum(1).mean())
    unchanged = Update(params=meta.params, gain=0.0, divergence=0.0, tries=0)
    if not (math.isfinite(curvature) and curvature > 0.0):
        return unchanged
    longest = math.sqrt(2.0 * region.divergence / curvature) * direction
    start = flat(meta.params)
    for tried in range(_TRIES):
        params = unflat(start - _SHRINK**tried * longest, meta.params)
        loss, away = meta.objective(params)
        if loss < before and away <= region.divergence:
            return Update(params=params, gain=before - loss, divergence=away, tries=tried + 1)
    return Update(params=meta.params, gain=0.0, divergence=0.0, tries=_TRIES)


def flat(params: Params) -> npt.NDArray[np.float64]:
    """All weights in one vector."""
    return torch.cat([value.flatten() for value in params.values()]).double().cpu().numpy()


def unflat(vector: npt.NDArray[np.float64], like: Params) -> Params:
    """Back from `flat`, in the shapes, type and place of `like`."""
    sizes = [value.numel() for value in like.values()]
    parts = torch.from_numpy(vector).split(sizes)
    return {
        name: part.view(value.shape).to(value)
        for (name, value), part in zip(like.items(), parts, strict=True)
    }
