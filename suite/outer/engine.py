"""Carrying out meta-iterations, by one of several engines and ways whose results are alike.

An engine is eager, compiled or a CUDA graph. Ways are how a network's blocks are computed, where
that can be done in several. `eager, grouped` names an engine and a way, in records and for
`--engine`.

An iteration draws its tasks, takes the meta-gradient, clips it, lets Adam take a step and adds to
the running sums. On a GPU nothing in it waits for the device.
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import torch
from torch import Tensor

from suite.data.tasks import Batches
from suite.errors import UsageError, one_line
from suite.inner.learner import Learner
from suite.models import Params, Way, first_way
from suite.outer.choice import Chooser
from suite.outer.compiled import NotCompiled, compile_gradient
from suite.outer.gradient import Gradient, MetaGradient, Objective, meta_gradient
from suite.outer.graph import Replayed
from suite.outer.state import TrainingState
from suite.settings import Config

log = logging.getLogger(__name__)

# Iterations; a meta-gradient gains some milliseconds.
_WORTH_COMPILING = 20_000

Kind = Literal["auto", "eager", "graph", "compiled"]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What carries out the iterations.

    `graph` replays a captured CUDA graph; `compiled` has inductor fuse the meta-gradient, within
    a graph on a GPU. Where one of them fails, the reason is logged and training goes on without.
    """

    kind: Kind = "auto"
    way: Way | None = None
    """None takes the fastest way where `kind` is `auto`, and the first way of all elsewhere."""
    tasks_per_chunk: int | None = None
    """Tasks of each seed that are in memory at once; all of a meta-batch by default."""

    @classmethod
    def named(cls, name: str, tasks_per_chunk: int | None = None) -> Self:
        """The engine and the way that a record names, or `auto`; a `UsageError` for other names."""
        kind, comma, way = (part.strip() for part in name.partition(","))
        kind = kind.removesuffix("+graph")
        known = kind in get_args(Kind) and (not comma or (kind != "auto" and way in get_args(Way)))
        if not known:
            kinds, ways = ", ".join(get_args(Kind)), ", ".join(get_args(Way))
            raise UsageError(
                one_line(
                    f"--engine {name}: choose one of {kinds}, or what a record names, as "
                    f"'eager, grouped' (ways: {ways})"
                )
            )
        return cls(kind=kind, way=way or None, tasks_per_chunk=tasks_per_chunk)  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """What `named` understands."""
        return self.kind if self.way is None else f"{self.kind}, {self.way}"

    def check(self, device: torch.device) -> None:
        """Raise `UsageError` where the device cannot do what is asked."""
        if self.kind == "graph" and device.type != "cuda":
            raise UsageError("a graph needs a CUDA device: choose --engine eager or compiled")

    def chosen(self, device: torch.device, config: Config, iterations: int) -> Kind:
        """The kind of engine to use: `kind`, or what `auto` comes to.

        On a CPU, compiling makes the fully connected networks faster and the convolutional ones
        slower (reports/benchmark.md); it costs a minute.
        """
        if self.kind != "auto":
            return self.kind
        if device.type == "cuda":
            return "graph"
        pays = config.network in ("mlp", "mlp-bn") and iterations >= _WORTH_COMPILING
        return "compiled" if pays else "eager"

    def resumed(self, name: str, device: torch.device) -> Self:
        """The engine called `name`, which did the earlier iterations, in a kind that `device` has.

        It is this engine where none is called so.
        """
        try:
            before = self.named(name, self.tasks_per_chunk)
        except UsageError:
            return self
        kinds: dict[tuple[str, str], Kind] = {("cpu", "graph"): "eager", ("cuda", "eager"): "graph"}
        return replace(before, kind=kinds.get((device.type, before.kind), before.kind))


class Iteration:
    """Takes `state`, whose weights are the learner's, one iteration on at every call.

    `iterations` is the length of the whole training, and `order` a name for the objective's order
    of differentiation. `meta_lr` gives the outer step size from the share of the iterations that is
    done, or None where the optimizer keeps the one it has. `clip_norm` is the greatest norm that a
    seed's whole meta-gradient may have; None allows any.
    """

    def __init__(
        self,
        engine: Engine,
        objective: Objective,
        learner: Learner,
        batches: Batches,
        state: TrainingState,
        iterations: int,
        order: str,
        meta_lr: Callable[[float], float | None] = lambda done: None,
        clip_norm: float | None = None,
    ) -> None:
        device = state.sums.device
        self._iterations, self._meta_lr = iterations, meta_lr
        if device.type == "cuda" and meta_lr(0.0) is not None:
            for group in state.optimizer.param_groups:
                group["lr"] = torch.tensor(group["lr"], device=device)  # where a graph reads it
        if engine.kind == "auto" and state.iteration:
            engine = engine.resumed(state.histories[0].engine, device)
        self._state, self._kind = state, engine.chosen(device, learner.config, iterations)
        self._way: str | None = None
        if learner.network.ways:
            chooser = Chooser(
                objective=objective,
                order=order,
                learner=learner,
                device=device,
                first=first_way(learner.config, device),
            )
            self._way = _way(engine, chooser, batches, state.iteration)
            learner = replace(learner, network=learner.network.by_way(self._way))
        elif engine.way is not None:
            raise UsageError(f"--engine '{engine.name}': this network has no such way")
        self.learner = learner
        gradient: Gradient = functools.partial(
            meta_gradient, objective, tasks_per_chunk=engine.tasks_per_chunk
        )
        if self._kind == "compiled":
            try:
                gradient = compile_gradient(gradient, learner, batches(state.iteration))
            except NotCompiled as error:
                log.warning("not compiled: %s; going on without", error)
                self._kind = "graph" if device.type == "cuda" else "eager"
        self._replayed: Replayed | None = None
        if device.type == "cuda":
            step = device_step(gradient, learner, batches, state, clip_norm)
            if self._kind != "eager":
                step = self._replayed = Replayed(step, device)
        else:
            step = host_step(gradient, learner, batches, state, clip_norm)
        self._step = step

    def __call__(self) -> None:
        """Take one iteration."""
        lr = self._meta_lr(self._state.iteration / self._iterations)
        if lr is not None:
            self._set_lr(lr)
        self._step()
        self._state.iteration += 1

    def _set_lr(self, lr: float) -> None:
        for group in self._state.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr

    @property
    def engine(self) -> str:
        """The name of the engine in use, and of the way where the network has several."""
        return self._carrier if self._way is None else f"{self._carrier}, {self._way}"

    @property
    def _carrier(self) -> str:
        if self._replayed is None or self._kind == "graph":
            return "eager" if self._replayed and not self._replayed.works else self._kind
        return f"{self._kind}+graph" if self._replayed.works else self._kind


def _way(engine: Engine, chooser: Chooser, batches: Batches, iteration: int) -> str:
    if engine.way is not None:
        return engine.way
    # What bfloat16 rounds turns over on the least difference: ways cannot be held to each other.
    if engine.kind != "auto" or chooser.learner.config.precision == "bfloat16":
        return chooser.first
    return chooser.fastest(batches(iteration))


def host_step(
    gradient: Gradient,
    learner: Learner,
    batches: Batches,
    state: TrainingState,
    clip_norm: float | None = None,
) -> Callable[[], None]:
    """A step that takes its tasks from a block of tasks that was drawn ahead."""

    def step() -> None:
        _apply(gradient(learner, batches(state.iteration)), learner, state, clip_norm)

    return step


def device_step(
    gradient: Gradient,
    learner: Learner,
    batches: Batches,
    state: TrainingState,
    clip_norm: float | None = None,
) -> Callable[[], None]:
    """A step that reads the number of its iteration on the device, so that a graph can hold it."""
    position = torch.tensor(state.iteration, device=state.sums.device)

    def step() -> None:
        _apply(gradient(learner, batches.at(position)), learner, state, clip_norm)
        position.add_(1)

    return step


def _apply(
    found: MetaGradient, learner: Learner, state: TrainingState, clip_norm: float | None
) -> None:
    averages = learner.network.averages
    learned = {name: found.gradients[name] for name in state.params if name not in averages}
    with torch.no_grad():
        for name in averages:
            state.params[name].sub_(found.gradients[name])
    for name, gradient in _clipped(learned, learner.config.meta_grad_clip, clip_norm).items():
        parameter = state.params[name]
        parameter.grad = _laid_out_as(parameter, gradient)
    state.optimizer.step()
    state.sums += torch.stack((found.losses, found.scores))


def _clipped(gradients: Params, clip: float | None, norm: float | None) -> Params:
    """`gradients` with each element within ±`clip`, then each seed's norm at most `norm`."""
    if clip is not None:
        gradients = {name: value.clamp(-clip, clip) for name, value in gradients.items()}
    if norm is None:
        return gradients
    squares = [value.square().flatten(1).sum(1) for value in gradients.values()]
    share = norm / torch.stack(squares).sum(0).sqrt().clamp_min(norm)  # (seed,)
    return {n: v * share.reshape(-1, *[1] * (v.ndim - 1)) for n, v in gradients.items()}


def _laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """`gradient` with the memory layout of `parameter`.

    Torch's fused Adam (2.13) steps through both as flat arrays and is silently wrong on a CPU where
    they lie differently.
    """
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter, requires_grad=False).copy_(gradient)
