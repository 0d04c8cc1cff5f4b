"""Small trainings of methods that are shown the images of a task one after another."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace

from baselines import FewShotMethod
from suite.data.images import ImageData
from suite.data.source import TaskSource, task_source
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.models import Network
from suite.outer.engine import Engine
from suite.outer.snapshot import Snapshot
from suite.outer.snapshot import initial as initial_of
from suite.outer.state import TrainingState, stack
from suite.run.train import Hooks, initial_snapshot, train
from suite.settings import Config, Schedule, get_setting
from tests.in_double import InDouble, doubled

CPU = torch.device("cpu")
EAGER = Engine(kind="eager")


def config_for(method: str, **changes: Any) -> Config:
    """The recipe of the method in glyphs, with changes."""
    return replace(get_setting("glyphs-5way-1shot").recipe(method).config, **changes)


def drawings() -> ImageData:
    """Every class has its own spots of ink, as large as shifts; most of an image is blank."""
    rng = np.random.default_rng(0)
    spots = (rng.random((1623, 1, 1, 4, 4)) < 0.3).repeat(7, axis=3).repeat(7, axis=4)
    images = spots * rng.integers(150, 256, (1623, 12, 1, 28, 28))
    return ImageData(
        name="glyphs",
        images=images.astype(np.uint8),
        classes=tuple(f"class{number:04}" for number in range(1623)),
        fingerprint="0",
        warnings=(),
    )


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training of some seeds in float64, that can be stopped and resumed."""

    method: FewShotMethod
    config: Config
    images: ImageData
    seeds: tuple[int, ...] = (0,)
    iterations: int = 10
    every: int = 5

    @cached_property
    def source(self) -> TaskSource:
        return task_source(self.config, self.seeds, CPU, self.images)

    @property
    def network(self) -> Network:
        return self.method.network(self.config, self.source.train_classes)

    def fresh(self) -> list[Snapshot]:
        snapshots = (initial_snapshot(self.network, seed) for seed in self.seeds)
        return [initial_of({n: v.double() for n, v in s.params.items()}) for s in snapshots]

    def from_snapshots(self, snapshots: list[Snapshot]) -> TrainingState:
        return stack(snapshots, self.config, CPU, self.method.optimizer)

    def learner(self, state: TrainingState) -> Learner:
        return Learner(config=self.config, network=self.network, params=state.params)

    def batch(self, number: int = 0) -> TaskBatch:
        """The batches of training tasks in order."""
        config = self.config
        tasks = config.tasks_per_batch
        stream = self.source.streams("train")
        return doubled(stream.batch(number * tasks, tasks, config.k_shot, config.n_query))

    def go(self, state: TrainingState | None = None, **hooks: Any) -> TrainingState:
        """Train to the end, from the start where there is no state."""
        state = state or self.from_snapshots(self.fresh())
        train_tasks, validation = map(self.source.streams, ("train", "validation"))
        streams = InDouble(train_tasks), InDouble(validation)
        schedule = Schedule(name="shortened", iterations=self.iterations, validate_every=self.every)
        learner = self.learner(state)
        train(self.method, learner, schedule, streams, state, Hooks(**hooks), EAGER)
        return state


def stop_after(count: int) -> Callable[[], str | None]:
    """A hook that stops once so many iterations are done."""
    calls = iter([None] * (count - 1))
    return lambda: next(calls, "enough")
