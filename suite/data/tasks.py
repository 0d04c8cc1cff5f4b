"""What a method is trained and tested on: batches of tasks, and where they come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class TaskBatch:
    """Several tasks of equal shape. For images a target is a class index below n_way.

    Where several seeds train side by side, the task axis holds the tasks of the first, then those
    of the next, equally many of each.
    """

    support_x: Tensor  # (task, way*shot, *input)
    support_y: Tensor  # (task, way*shot) int64, or (task, shot, 1) float
    query_x: Tensor  # (task, way*query, *input)
    query_y: Tensor  # (task, way*query) int64, or (task, query, 1) float
    told: Tensor | None = None  # (task, parameter): what an oracle is told of a task
    keys: Tensor | None = None  # (task,) int64: what a method draws for a task; see `suite.rng`

    def part(self, seeds: int, start: int, stop: int) -> "TaskBatch":
        """The tasks from `start` to before `stop` of each of `seeds` seeds."""
        return self.changed(
            lambda value: value.unflatten(0, (seeds, -1))[:, start:stop].flatten(0, 1)
        )

    def changed(self, change: Callable[[Tensor], Tensor]) -> "TaskBatch":
        """`change` done to each tensor."""
        return TaskBatch(
            support_x=change(self.support_x),
            support_y=change(self.support_y),
            query_x=change(self.query_x),
            query_y=change(self.query_y),
            told=None if self.told is None else change(self.told),
            keys=None if self.keys is None else change(self.keys),
        )


class TaskStream(Protocol):
    """An endless numbered list of tasks for each of one or several seeds."""

    @property
    def keys(self) -> tuple[int, ...]:
        """The key of each seed."""
        ...

    def batch(self, start: int | Tensor, tasks: int, k_shot: int, n_query: int) -> TaskBatch:
        """The tasks `start` to `start + tasks - 1` of each seed, whatever was drawn before.

        `k_shot` and `n_query` are examples a class. A `start` that is a 0-d int64 tensor on the
        device is not read by the host.
        """
        ...


class Batches:
    """The batches of a training by iteration, drawn for `ahead` batches at once.

    Each is given to so many iterations in a row as `repeats` says.
    """

    def __init__(
        self,
        stream: TaskStream,
        *,
        tasks: int,
        k_shot: int,
        n_query: int,
        ahead: int,
        repeats: int = 1,
    ) -> None:
        self._stream, self._tasks, self._ahead, self._repeats = stream, tasks, ahead, repeats
        self._examples = k_shot, n_query
        self._block: int | None = None

    def __call__(self, iteration: int) -> TaskBatch:
        """The batch of that iteration, the same whatever `ahead` is."""
        block, index = divmod(iteration // self._repeats, self._ahead)
        if block != self._block:
            many = self._ahead * self._tasks
            self._drawn = self._stream.batch(block * many, many, *self._examples)
            self._block = block
        start = index * self._tasks
        return self._drawn.part(len(self._stream.keys), start, start + self._tasks)

    def at(self, iteration: Tensor) -> TaskBatch:
        """The batch of an iteration that stands on the device; the host does not wait for it."""
        start = iteration // self._repeats * self._tasks
        return self._stream.batch(start, self._tasks, *self._examples)
