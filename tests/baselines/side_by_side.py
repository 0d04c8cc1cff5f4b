"""A method's training on noise: of several seeds side by side, in float64, or in pieces."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines import FewShotMethod
from suite.data.images import ImageData
from suite.data.source import task_source
from suite.errors import Stopped
from suite.inner.learner import Learner
from suite.models import Network
from suite.outer.engine import Engine
from suite.outer.snapshot import Snapshot
from suite.outer.state import TrainingState, stack, unstack
from suite.run import checkpoint
from suite.run.train import Hooks, initial_snapshot, train
from suite.settings import DATA_SETS, Config, Schedule
from tests.in_double import InDouble

CPU = torch.device("cpu")


def noise(name: str) -> ImageData:
    """Random images in the shape of a data set, a few of each class."""
    entry = DATA_SETS[name]
    assert entry.classes is not None
    assert entry.shape is not None
    classes, rng = sum(entry.classes), np.random.default_rng(0)
    return ImageData(
        name=name,
        images=rng.integers(0, 256, (classes, 8, *entry.shape), np.uint8),
        classes=tuple(f"class{number:04}" for number in range(classes)),
        fingerprint="0",
        warnings=(),
    )


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training of so many iterations, with a point of the curve at each."""

    method: FewShotMethod
    config: Config
    iterations: int

    def alone_and_in_company(self, seeds: Sequence[int]) -> list[tuple[Snapshot, Snapshot]]:
        """Each seed trained by itself, and with the others; in float64."""
        together = self._trained(seeds, self._in_double(self._start(seeds)))
        alone = [self._trained([seed], self._in_double(self._start([seed]))) for seed in seeds]
        return [(one, other) for (one,), other in zip(alone, together, strict=True)]

    def whole_and_in_pieces(self, seed: int, folder: Path) -> tuple[Snapshot, Snapshot]:
        """The training without a stop, and stopped before the end and gone on from a checkpoint."""
        (whole,) = self._trained([seed], self._start([seed]))
        path, calls = folder / "checkpoint.pt", iter([None] * (self.iterations // 2))
        hooks = Hooks(checkpoints=(path,), stop=lambda: next(calls, "enough"))
        with pytest.raises(Stopped):
            self._trained([seed], self._start([seed]), hooks)
        saved = checkpoint.load(path, initial_snapshot(self._network, seed))
        assert saved is not None
        assert 0 < saved.iteration < self.iterations
        (pieces,) = self._trained([seed], self._stacked([saved]))
        return whole, pieces

    @property
    def _network(self) -> Network:
        return self.method.network(self.config, 0)

    def _start(self, seeds: Sequence[int]) -> TrainingState:
        return self._stacked([initial_snapshot(self._network, seed) for seed in seeds])

    def _stacked(self, snapshots: Sequence[Snapshot]) -> TrainingState:
        return stack(snapshots, self.config, CPU, self.method.optimizer)

    def _in_double(self, state: TrainingState) -> TrainingState:
        for value in state.params.values():
            value.data = value.data.double()
            moments = state.optimizer.state[value]
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name] = moments[name].double()
        return state

    def _trained(
        self, seeds: Sequence[int], state: TrainingState, hooks: Hooks | None = None
    ) -> list[Snapshot]:
        source = task_source(self.config, seeds, CPU, noise(self.config.dataset))
        streams = source.streams("train"), source.streams("validation")
        if next(iter(state.params.values())).dtype == torch.double:
            streams = InDouble(streams[0]), InDouble(streams[1])
        learner = Learner(config=self.config, network=self._network, params=state.params)
        schedule = Schedule(name="shortened", iterations=self.iterations, validate_every=1)
        engine = Engine(kind="eager")
        train(self.method, learner, schedule, streams, state, hooks or Hooks(), engine)
        return unstack(state)


def require_alike(one: Snapshot, other: Snapshot, tolerance: float = 0.0) -> None:
    """Both have come to the same weights by the same curve."""
    assert one.iteration == other.iteration
    for name, value in one.params.items():
        torch.testing.assert_close(value, other.params[name], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(one.history.curve, other.history.curve, rtol=tolerance)
