"""A domain is what the runner trains and scores: supervised learning, or policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from suite.models import Network, Params
from suite.outer.snapshot import Snapshot
from suite.outer.state import TrainingState
from suite.registry.schema import DataFacts, Example
from suite.run.evaluate import Watch
from suite.run.train import Hooks
from suite.settings import Protocol as Scoring


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The scores of a trained model on the test tasks."""

    scores: Tensor  # (step, task), float64 on the CPU
    selected: dict[str, float]
    """The values that the method chose on validation tasks, by name."""
    examples: tuple[Example, ...] = ()


class Domain(Protocol):
    """Trains and scores the runs of some seeds; an index means a seed by its position in them."""

    @property
    def network(self) -> Network:
        """The network that is trained."""
        ...

    def facts(self, index: int) -> DataFacts:
        """The data of the seed at `index`."""
        ...

    def state(self, snapshots: Sequence[Snapshot]) -> TrainingState:
        """Trainings that go on from `snapshots`, side by side."""
        ...

    def train(self, indices: Sequence[int], state: TrainingState, hooks: Hooks) -> None:
        """Take `state`, which holds the seeds at `indices`, to the end of the schedule.

        Raises `Stopped` and `Diverged`; see `suite.run.train`.
        """
        ...

    def score(self, index: int, params: Params, protocol: Scoring, watch: Watch) -> Scored:
        """Score the model with the weights `params`, (1, ...), on the test tasks of the seed.

        Raises `Stopped` where `watch` says so.
        """
        ...
