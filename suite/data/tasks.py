"""What a method is trained and tested on: batches of tasks, and where they come from."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class TaskBatch:
    """Several tasks of equal shape. For images a target is a class index below n_way."""

    support_x: Tensor  # (task, way*shot, *input)
    support_y: Tensor  # (task, way*shot) int64, or (task, shot, 1) float
    query_x: Tensor  # (task, way*query, *input)
    query_y: Tensor  # (task, way*query) int64, or (task, query, 1) float
    context: Tensor | None = None  # (task, parameters): what an oracle is told

    def part(self, start: int, stop: int) -> "TaskBatch":
        """The tasks from `start` to before `stop`."""
        return TaskBatch(
            support_x=self.support_x[start:stop],
            support_y=self.support_y[start:stop],
            query_x=self.query_x[start:stop],
            query_y=self.query_y[start:stop],
            context=None if self.context is None else self.context[start:stop],
        )


class TaskStream(Protocol):
    """An endless numbered list of tasks."""

    def batch(self, start: int, tasks: int, k_shot: int, n_query: int) -> TaskBatch:
        """The tasks `start` to `start + tasks - 1`, whatever was drawn before.

        `k_shot` and `n_query` are examples a class.
        """
        ...


class Batches:
    """The batches of a training by iteration, drawn for `ahead` iterations at once."""

    def __init__(
        self, stream: TaskStream, *, tasks: int, k_shot: int, n_query: int, ahead: int
    ) -> None:
        self._stream, self._tasks, self._ahead = stream, tasks, ahead
        self._examples = k_shot, n_query
        self._block: int | None = None

    def __call__(self, iteration: int) -> TaskBatch:
        """The batch of that iteration, the same whatever `ahead` is."""
        block, place = divmod(iteration, self._ahead)
        if block != self._block:
            many = self._ahead * self._tasks
            self._drawn = self._stream.batch(block * many, many, *self._examples)
            self._block = block
        return self._drawn.part(place * self._tasks, (place + 1) * self._tasks)
