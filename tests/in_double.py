"""Tasks whose images are in float64, for tests of methods that agree to the last digits."""

from dataclasses import dataclass

from torch import Tensor

from suite.data.tasks import TaskBatch, TaskStream


def doubled(batch: TaskBatch) -> TaskBatch:
    """Float64 where it was any float."""
    return batch.changed(lambda value: value.double() if value.is_floating_point() else value)


@dataclass(frozen=True)
class InDouble:
    """A stream whose pixels are in float64."""

    stream: TaskStream

    @property
    def keys(self) -> tuple[int, ...]:
        return self.stream.keys

    def batch(self, start: int | Tensor, tasks: int, k_shot: int, n_query: int) -> TaskBatch:
        return doubled(self.stream.batch(start, tasks, k_shot, n_query))
