"""The training loop, and its iterations for supervised methods: steps of Adam on the objective."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch

from baselines import FewShotMethod
from suite.data.tasks import Batches, TaskStream
from suite.errors import Stopped, SuiteError
from suite.inner.learner import Learner
from suite.inner.losses import task_scores
from suite.machine import environment
from suite.machine.energy import Meter
from suite.models import Network
from suite.outer.engine import Engine, Iteration
from suite.outer.snapshot import Snapshot, Training
from suite.outer.snapshot import initial as initial_of
from suite.outer.state import TrainingState, unstack
from suite.rng import generator
from suite.run import checkpoint
from suite.settings import METRICS, Schedule

# Drawing one small batch costs as much as drawing a hundred.
_AHEAD = 100


class Diverged(SuiteError):
    """The weights of the seeds at `indices` are no longer finite."""

    def __init__(self, message: str, indices: tuple[int, ...]) -> None:
        super().__init__(message)
        self.indices = indices


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """How a caller follows, saves and stops a training that is under way."""

    checkpoints: tuple[Path, ...] = ()
    """The file in which each seed is saved; empty to save nothing."""
    checkpoint_seconds: float = 30.0
    stop: Callable[[], str | None] = lambda: None
    """Called after every iteration; a reason that it returns stops the training."""
    at_once: Callable[[], AbstractContextManager[None]] = nullcontext
    """A context for work that takes long and has nothing to save: a stop raises `Stopped` in it."""
    progress: Callable[[TrainingState], None] = lambda _: None
    """Called after every iteration."""
    scoring: Callable[[str, int, int], None] = lambda what, done, tasks: None
    """Called after every batch of test tasks: what is scored, tasks done, and tasks in all."""


def initial_snapshot(network: Network, seed: int, training: Training | None = None) -> Snapshot:
    """A training that has not begun: the initial weights of `seed`, the same on every device."""
    return initial_of(network.initial(generator(seed, "initial weights")), training)


def train(
    method: FewShotMethod,
    learner: Learner,
    schedule: Schedule,
    streams: tuple[TaskStream, TaskStream],
    state: TrainingState,
    hooks: Hooks,
    engine: Engine,
) -> None:
    """Take `state`, whose weights are the learner's, to the end of `schedule`.

    `streams` are those of the training and the validation tasks. Where the configuration has
    `images_per_batch`, an iteration takes one mini-batch of labelled images. Raises `Stopped`,
    after a checkpoint, where `hooks.stop` gives a reason, and `Diverged` where weights are not
    finite at a point of the curve or at a checkpoint.
    """
    config = learner.config
    shape = {"tasks": config.tasks_per_batch, "k_shot": config.k_shot, "n_query": config.n_query}
    ahead = _AHEAD if config.dataset == "sinusoid" else 1
    training = shape if config.images_per_batch is None else shape | {"tasks": 1}
    repeats = method.iterations_per_batch(config)
    batches = Batches(streams[0], **training, ahead=ahead, repeats=repeats)
    validation = Batches(streams[1], **shape, ahead=1)
    if state.iteration >= schedule.iterations:
        return
    with hooks.at_once():
        iterate = Iteration(
            engine,
            method.objective,
            learner,
            batches,
            state,
            schedule.iterations,
            method.name,
            meta_lr=partial(method.meta_lr, config),
            clip_norm=method.clip_norm,
        )

    def validate() -> list[float]:
        batch = validation(state.iteration // schedule.validate_every - 1)
        outputs = method.validate(iterate.learner, batch)
        scores = task_scores(config, outputs.detach(), batch.query_y)
        means: list[float] = scores.unflatten(0, (learner.seeds, -1)).mean(1).tolist()
        return means

    metric = METRICS[config.problem]
    repeat(iterate, validate, schedule, state, hooks, higher_is_better=metric.higher_is_better)


class Step(Protocol):
    """Carries out one iteration: moves the weights, counts `state.iteration`, adds to the sums."""

    @property
    def engine(self) -> str:
        """The name of what carries it out; see `suite.outer.engine`."""
        ...

    def __call__(self) -> None: ...


def repeat(
    iterate: Step,
    validate: Callable[[], list[float]],
    schedule: Schedule,
    state: TrainingState,
    hooks: Hooks,
    *,
    higher_is_better: bool,
) -> None:
    """Iterate to the end of `schedule`, add points to the curve, save, and heed the hooks.

    `validate` gives the metric of each seed for a point of the curve.
    """
    _sign(state)
    meter = Meter(state.sums.device)
    saved = time.monotonic()
    while state.iteration < schedule.iterations:
        began = time.monotonic()
        iterate()
        at_point = state.iteration % schedule.validate_every == 0
        lost = _lost(state) if at_point else ()
        if at_point and len(lost) < len(state.histories):
            _add_curve_point(schedule, validate(), state, lost)
            _keep_best(hooks.checkpoints, state, lost, sign=1 if higher_is_better else -1)
        for history in state.histories:
            history.seconds += (time.monotonic() - began) / len(state.histories)
            history.engine = iterate.engine
        hooks.progress(state)
        reason = hooks.stop()
        due = time.monotonic() - saved > hooks.checkpoint_seconds
        done = state.iteration == schedule.iterations
        if reason or due or done or lost:
            lost = lost or _lost(state)
            _add_energy(state, meter.joules())
            if hooks.checkpoints:
                _save(hooks.checkpoints, state, lost)
            saved = time.monotonic()
        if lost:
            raise Diverged(f"the weights are not finite at iteration {state.iteration}", lost)
        if reason and not done:
            raise Stopped(reason)


def _sign(state: TrainingState) -> None:
    code = environment.code_version()
    for history in state.histories:
        if state.iteration == 0:
            history.joules = 0.0
        if code not in history.commits:
            history.commits.append(code)


def _add_energy(state: TrainingState, joules: float | None) -> None:
    """Add to the energy of the iterations before; where either is not known, neither is the sum."""
    for history in state.histories:
        if joules is None or history.joules is None:
            history.joules = None
        else:
            history.joules += joules / len(state.histories)


def _save(paths: Sequence[Path], state: TrainingState, lost: Sequence[int]) -> None:
    """Save all seeds but those at the `lost` indices."""
    for index, (path, snapshot) in enumerate(zip(paths, unstack(state), strict=True)):
        if index not in lost:
            checkpoint.save(path, snapshot)


def _add_curve_point(
    schedule: Schedule, validation: list[float], state: TrainingState, lost: Sequence[int]
) -> None:
    losses, metrics = (state.sums / schedule.validate_every).tolist()
    points = zip(state.histories, losses, metrics, validation, strict=True)
    for index, (history, *values) in enumerate(points):
        if index not in lost:
            history.curve.append((state.iteration, *values))
    state.sums.zero_()


def _keep_best(
    paths: Sequence[Path], state: TrainingState, lost: Sequence[int], *, sign: int
) -> None:
    """Save each seed whose validation metric, times `sign`, is greater than ever before."""
    values = [[sign * point[-1] for point in history.curve] for history in state.histories]
    better = [
        index not in lost and (len(seen) == 1 or seen[-1] > max(seen[:-1]))
        for index, seen in enumerate(values)
    ]
    if any(better):
        for path, snapshot, is_best in zip(paths, unstack(state), better, strict=bool(paths)):
            if is_best:
                checkpoint.save_best(path, snapshot)


def _lost(state: TrainingState) -> tuple[int, ...]:
    """The indices of the seeds whose weights are not finite."""
    finite = torch.stack([v.isfinite().flatten(1).all(1) for v in state.params.values()]).all(0)
    return tuple(index for index, fine in enumerate(finite.tolist()) if not fine)
