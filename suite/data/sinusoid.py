"""Sinusoid regression tasks: paper, section 5.1; authors' data_generator.py."""

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.data.tasks import TaskBatch
from suite.rng import row_keys, uniform

AMPLITUDE = (0.1, 5.0)
PHASE = (0.0, math.pi)
INPUT = (-5.0, 5.0)


def _scaled(unit: Tensor, bounds: tuple[float, float]) -> Tensor:
    low, high = bounds
    return low + (high - low) * unit


@dataclass(frozen=True, kw_only=True)
class SinusoidStream:
    """y = A sin(x - phi) without noise; amplitude, phase and inputs uniform in the bounds above.

    A task's amplitude and phase do not depend on how many points are drawn from it.
    """

    keys: tuple[int, ...]
    """One a seed; see `suite.rng.stream_key`."""
    device: torch.device

    def batch(self, start: int | Tensor, tasks: int, k_shot: int, n_query: int) -> TaskBatch:
        """See `TaskStream`; an oracle is told (amplitude, phase)."""
        return self._tasks(start, tasks, k_shot, k_shot + n_query, grid=None)

    def on_grid(self, start: int, tasks: int, k_shot: int, points: int) -> TaskBatch:
        """The same tasks with `points` evenly spaced inputs for a query set, to be drawn."""
        grid = torch.linspace(*INPUT, points, dtype=torch.float64, device=self.device)
        return self._tasks(start, tasks, k_shot, k_shot, grid)

    @functools.cached_property
    def _keys(self) -> Tensor:
        return torch.tensor(self.keys, device=self.device)[:, None]

    def _tasks(
        self, start: int | Tensor, tasks: int, k_shot: int, drawn: int, grid: Tensor | None
    ) -> TaskBatch:
        rows = start + torch.arange(tasks, device=self.device)
        unit = uniform(self._keys, rows, 2 + drawn).flatten(0, 1)
        amplitude = _scaled(unit[:, 0:1], AMPLITUDE)
        phase = _scaled(unit[:, 1:2], PHASE)
        x = _scaled(unit[:, 2:], INPUT)
        if grid is not None:
            x = torch.cat((x, grid.expand(len(x), -1)), dim=1)
        y = amplitude * torch.sin(x - phase)
        x, y = x[..., None].float(), y[..., None].float()  # (task, point, 1)
        return TaskBatch(
            support_x=x[:, :k_shot],
            support_y=y[:, :k_shot],
            query_x=x[:, k_shot:],
            query_y=y[:, k_shot:],
            told=torch.cat((amplitude, phase), dim=1).float(),
            keys=row_keys(self._keys, rows).flatten(),
        )
