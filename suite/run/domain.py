"""What the runner asks of a domain: regression and classification, or reinforcement learning."""

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
    """How a trained model did on the test tasks."""

    scores: Tensor  # (step, task), float64 on the CPU
    selected: dict[str, float]
    """What the method chose on validation tasks, by name."""
    examples: tuple[Example, ...] = ()


class Domain(Protocol):
    """How the runs of some seeds are trained and scored; a seed goes by its index among them."""

    @property
    def network(self) -> Network:
        """What is trained."""
        ...

    def facts(self, index: int) -> DataFacts:
        """The data of a seed."""
        ...

    def state(self, snapshots: Sequence[Snapshot]) -> TrainingState:
        """Trainings that go on from there, side by side."""
        ...

    def train(self, indices: Sequence[int], state: TrainingState, hooks: Hooks) -> None:
        """Take `state`, of the seeds at `indices`, to the end of the schedule.

        Raises `Stopped` and `Diverged`; see `suite.run.train`.
        """
        ...

    def score(self, index: int, params: Params, protocol: Scoring, watch: Watch) -> Scored:
        """The model with these weights, (1, ...), on the test tasks of the seed.

        Raises `Stopped` where `watch` says so.
        """
        ...
