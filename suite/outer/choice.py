"""Finding the fastest way to compute a network's blocks: by timing the ways on the first batch.

The ways differ by rounding. How long each takes depends on device, network and order of
differentiation, and no rule foretells it. The answer is kept in the cache.
"""

import functools
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from suite.data.tasks import TaskBatch
from suite.errors import UsageError
from suite.files import atomic_write, cache_dir, read_regular
from suite.inner.learner import Learner
from suite.machine import environment
from suite.models import Network
from suite.outer.gradient import MetaGradient, Objective, meta_gradient
from suite.outer.graph import Replayed
from suite.parsing import NotJson, parsed

log = logging.getLogger(__name__)

_SECONDS = 2.0
"""The time after which no further call begins."""
_ROUNDS = 5
_TASKS = 2
"""The least number of tasks of a seed that are timed: a task alone is not grouped."""
_HOPELESS = 1.5
"""A way that takes so many times as long as the fastest is not timed at a greater size."""
_SHORT = 0.1
"""Seconds; a shorter call is repeated, since the first call also fills caches."""
_TOLERANCE = 1e-6
"""Relative; in float64, where no decision of ReLU or pooling hangs on rounding."""
_MOST_BYTES = 1 << 16

Call = Callable[[], object]


class _Kept(msgspec.Struct):
    """The part of a kept answer that is read."""

    way: str


@dataclass(frozen=True, kw_only=True)
class Chooser:
    """Chooses among the ways of `learner.network` for one objective.

    `order` is a name for the objective's order of differentiation. `first` is the way that the
    others are held to, and the one that is taken where none of them is faster.
    """

    objective: Objective
    order: str
    learner: Learner
    device: torch.device
    first: str

    def fastest(self, batch: TaskBatch) -> str:
        """The name of the fastest way, from the cache or by timing it on `batch`."""
        kept = self._kept()
        if kept is not None:
            return kept
        seconds = self._timed(batch)
        by_time = sorted(seconds, key=lambda name: seconds[name])
        agree = (each for each in by_time if each == self.first or self._agrees(each, batch))
        way = next(agree, self.first)
        timings = ", ".join(f"{name} {1e3 * each:.1f} ms" for name, each in seconds.items())
        log.info("blocks go the way %s, which was the fastest here: %s", way, timings)
        self._keep(way, seconds)
        return way

    def _call(self, way: str, learner: Learner, batch: TaskBatch) -> Callable[[], MetaGradient]:
        by_way = replace(learner, network=self.learner.network.by_way(way))
        return functools.partial(meta_gradient, self.objective, by_way, batch)

    def _timed(self, batch: TaskBatch) -> dict[str, float]:
        """By way, the least seconds of a meta-gradient, or of a part of it that decides as well."""
        if self.device.type == "cuda":
            return timed_on_gpu(
                {
                    name: self._call(name, self.learner, batch)
                    for name in candidates(self.learner.network, self.device, self.first)
                },
                self.device,
            )
        names, small = (
            candidates(self.learner.network, self.device, self.first),
            _one_example(batch, self.learner.config.n_way),
        )
        self._part(self.first, small, _TASKS, 1)()
        least = {name: least_seconds(self._part(name, small, _TASKS, 1)) for name in names}
        rivals = [name for name in names if least[name] <= _HOPELESS * min(least.values())]
        if len(rivals) == 1:
            return least
        fitting = _SECONDS / (3 * len(rivals) * seconds_of(self._part(rivals[0], batch, _TASKS, 1)))
        steps = max(1, min(int(fitting), self.learner.config.inner_steps))
        tasks = _TASKS * max(1, int(fitting / steps))
        return timed_in_turns({name: self._part(name, batch, tasks, steps) for name in rivals})

    def _part(self, way: str, batch: TaskBatch, tasks: int, steps: int) -> Call:
        """A meta-gradient with so many inner steps, of so many tasks a seed or all if fewer."""
        seeds = self.learner.seeds
        part = batch.part(seeds, 0, min(tasks, batch.support_x.shape[0] // seeds))
        return self._call(way, self._of_steps(steps), part)

    def _of_steps(self, steps: int) -> Learner:
        config = msgspec.structs.replace(self.learner.config, inner_steps=steps)
        return replace(self.learner, config=config)

    def _agrees(self, way: str, batch: TaskBatch) -> bool:
        """Whether its gradient is that of the first way: one task, one step, in float64."""
        small = _one_example(batch, self.learner.config.n_way)
        task = small.part(self.learner.seeds, 0, 1).part(1, 0, 1)
        exact = task.changed(lambda each: each.double() if each.is_floating_point() else each)
        learner = replace(
            self._of_steps(1),
            params={
                name: value[:1].detach().double().requires_grad_()
                for name, value in self.learner.params.items()
            },
        )
        found, expected = (_flat(self._call(each, learner, exact)()) for each in (way, self.first))
        error = float((found - expected).norm() / expected.norm())
        if not error <= _TOLERANCE:
            log.warning("the gradient of the way %s is off by %.1e: not used", way, error)
        return error <= _TOLERANCE

    def _facts(self) -> dict[str, Any]:
        """What the answer depends on."""
        return {
            "device": environment.device_name(self.device),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "config": msgspec.to_builtins(self.learner.config),
            "order": self.order,
            "seeds": self.learner.seeds,
            "ways": sorted(self.learner.network.ways),
        }

    def _path(self) -> Path:
        facts = json.dumps(self._facts(), sort_keys=True)
        return cache_dir() / "ways" / f"{hashlib.sha256(facts.encode()).hexdigest()[:16]}.json"

    def _kept(self) -> str | None:
        try:
            way = parsed(read_regular(self._path(), _MOST_BYTES), _Kept).way
        except (OSError, UsageError, NotJson):
            return None
        return way if way in self.learner.network.ways else None

    def _keep(self, way: str, seconds: Mapping[str, float]) -> None:
        kept = {"way": way, "seconds": dict(seconds), "of": self._facts()}
        try:
            path = self._path()
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, json.dumps(kept, indent=1).encode())
        except (OSError, UsageError) as error:
            log.info("the way is not kept, and chosen anew next time: %s", error)


def candidates(network: Network, device: torch.device, first: str) -> list[str]:
    """The ways that may be the fastest, `first` before the others."""
    others = [each for each in network.ways if each != first]
    if device.type == "cpu" and "separate-products" in others:
        # They build their columns anew for each product, and are `products` but for that.
        others.remove("separate-products")
    return [first, *others]


def _one_example(batch: TaskBatch, classes: int) -> TaskBatch:
    """The tasks of `batch` with one support example and one query of each class."""

    def first(value: Tensor) -> Tensor:
        return value[:, :: value.shape[1] // classes]

    return TaskBatch(
        support_x=first(batch.support_x),
        support_y=first(batch.support_y),
        query_x=first(batch.query_x),
        query_y=first(batch.query_y),
        told=batch.told,
        keys=batch.keys,
    )


def _flat(found: MetaGradient) -> Tensor:
    values = [found.losses, *found.gradients.values()]
    return torch.cat([each.flatten() for each in values])


def clock() -> float:
    """A clock in seconds: the process's own where it has one thread, else that of the wall.

    Other processes disturb the process's own clock least.
    """
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def seconds_of(call: Call, now: Callable[[], float] = clock) -> float:
    """The seconds that one call takes."""
    began = now()
    call()
    return now() - began


def least_seconds(call: Call) -> float:
    """The least seconds of three calls, or of one where that takes long."""
    least = seconds_of(call)
    for _ in range(2):
        least = least if least > _SHORT else min(least, seconds_of(call))
    return least


def timed_in_turns(calls: Mapping[str, Call]) -> dict[str, float]:
    """The least seconds of each of `calls`, which take turns."""
    began = clock()
    least = {name: seconds_of(call) for name, call in calls.items()}
    for _ in range(_ROUNDS):
        if clock() - began + sum(least.values()) > _SECONDS:
            break
        least = {name: min(least[name], seconds_of(call)) for name, call in calls.items()}
    return least


def timed_on_gpu(calls: Mapping[str, Call], device: torch.device) -> dict[str, float]:
    """The least seconds of each in a CUDA graph, one after another, since graphs hold memory."""
    began = time.monotonic()
    least: dict[str, float] = {}
    for name, call in calls.items():
        if least and time.monotonic() - began > _SECONDS:
            break
        try:
            least[name] = _least_replay(call, device)
        except torch.OutOfMemoryError:
            log.info("memory does not hold the way %s", name)
        torch.cuda.empty_cache()
    return least


def _least_replay(call: Call, device: torch.device) -> float:
    replayed = Replayed(call, device)

    def finished() -> None:
        replayed()
        torch.cuda.synchronize(device)

    for _ in range(5):
        finished()
    return min(seconds_of(finished, time.perf_counter) for _ in range(5))
