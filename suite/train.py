"""The training loop, one for all methods: Adam on a method's objective over batches of tasks."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from baselines import Method
from suite import checkpoint, environment
from suite.checkpoint import TrainingState
from suite.data.source import TaskSource
from suite.data.tasks import Batches, TaskBatch
from suite.errors import SuiteError
from suite.inner.learner import Learner
from suite.inner.losses import task_scores
from suite.models import Network
from suite.rng import generator
from suite.settings import Config, Schedule

# Drawing one small batch costs as much as drawing a hundred.
_AHEAD = 100


class Stopped(SuiteError):
    """Training was stopped and can go on from its checkpoint."""


class Diverged(SuiteError):
    """The weights are no longer finite."""


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What the world wants of a training under way."""

    checkpoint: Path | None = None
    checkpoint_seconds: float = 30.0
    stop: Callable[[], str | None] = lambda: None
    """Asked after every iteration; a reason stops the training."""
    progress: Callable[[TrainingState], None] = lambda _: None
    """Told after every iteration."""


def initial_state(
    network: Network, config: Config, seed: int, device: torch.device
) -> TrainingState:
    """Untrained: the initial weights of `seed`, which are the same on every device."""
    drawn = network.initial(generator(seed, "initial weights"))
    params = {name: value.to(device).requires_grad_() for name, value in drawn.items()}
    optimizer = torch.optim.Adam(params.values(), lr=config.meta_lr, fused=True)
    sums = torch.zeros(2, dtype=torch.float64, device=device)
    return TrainingState(params=params, optimizer=optimizer, sums=sums)


def train(
    method: Method,
    learner: Learner,
    schedule: Schedule,
    source: TaskSource,
    state: TrainingState,
    hooks: Hooks,
) -> None:
    """Take `state`, whose weights are the learner's, to the end of `schedule`.

    Raises `Stopped`, after a checkpoint, where `hooks.stop` gives a reason, and `Diverged` where
    the weights are not finite at a point of the curve.
    """
    config = learner.config
    shape = {"tasks": config.tasks_per_batch, "k_shot": config.k_shot, "n_query": config.n_query}
    ahead = _AHEAD if config.dataset == "sinusoid" else 1
    batches = Batches(source.train, **shape, ahead=ahead)
    validation = Batches(source.validation, **shape, ahead=1)
    code = environment.code_version()
    if state.iteration < schedule.iterations and code not in state.commits:
        state.commits.append(code)
    saved = time.monotonic()
    while state.iteration < schedule.iterations:
        began = time.monotonic()
        _iterate(method, learner, batches(state.iteration), state)
        if state.iteration % schedule.validate_every == 0:
            _add_curve_point(method, learner, schedule, validation(len(state.curve)), state)
        state.seconds += time.monotonic() - began
        hooks.progress(state)
        reason = hooks.stop()
        due = time.monotonic() - saved > hooks.checkpoint_seconds
        done = state.iteration == schedule.iterations
        if hooks.checkpoint and (reason or due or done):
            _require_finite(state)
            checkpoint.save(hooks.checkpoint, state)
            saved = time.monotonic()
        if reason and not done:
            raise Stopped(reason)


def _iterate(method: Method, learner: Learner, batch: TaskBatch, state: TrainingState) -> None:
    clip = learner.config.meta_grad_clip
    losses, outputs = method.objective(learner, batch)
    loss = losses.mean()
    gradients = torch.autograd.grad(loss, list(state.params.values()))
    for parameter, gradient in zip(state.params.values(), gradients, strict=True):
        if clip is not None:
            gradient.clamp_(-clip, clip)
        parameter.grad = gradient
    state.optimizer.step()
    with torch.no_grad():
        score = task_scores(learner.config, outputs, batch.query_y).mean()
        state.sums += torch.stack((loss.detach(), score))
    state.iteration += 1


def _add_curve_point(
    method: Method, learner: Learner, schedule: Schedule, batch: TaskBatch, state: TrainingState
) -> None:
    _require_finite(state)
    _, outputs = method.objective(learner, batch)
    validation = float(task_scores(learner.config, outputs.detach(), batch.query_y).mean())
    loss, metric = (state.sums / schedule.validate_every).tolist()
    state.curve.append((state.iteration, loss, metric, validation))
    state.sums.zero_()


def _require_finite(state: TrainingState) -> None:
    if not all(bool(value.isfinite().all()) for value in state.params.values()):
        raise Diverged(f"the weights are not finite at iteration {state.iteration}")
