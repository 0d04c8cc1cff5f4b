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


class TaskStream(Protocol):
    """An endless numbered list of tasks."""

    def batch(self, start: int, tasks: int, k_shot: int, n_query: int) -> TaskBatch:
        """The tasks `start` to `start + tasks - 1`, whatever was drawn before.

        `k_shot` and `n_query` are examples a class.
        """
        ...
