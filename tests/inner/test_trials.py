"""Selections go in parts, are stopped between trials, and go on from those that were made."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from suite.errors import Stopped
from suite.inner.trials import Trials

CANDIDATES = [{"step_size": 0.1}, {"step_size": 0.2}, {"step_size": 0.3}]


@dataclass
class Bench:
    """Draws tasks that are numbers; a candidate scores its step size times the number."""

    drawn: list[tuple[int, int]] = field(default_factory=list)
    tried: list[float] = field(default_factory=list)

    def draw(self, start: int, count: int) -> Tensor:
        self.drawn.append((start, count))
        return torch.arange(start, start + count, dtype=torch.float32)

    def score(self, candidate: dict[str, float], batch: Tensor) -> Tensor:
        self.tried.append(candidate["step_size"])
        return candidate["step_size"] * batch

    def means(self, trials: Trials) -> list[float]:
        return trials.means(CANDIDATES, 10, 4, self.draw, self.score)


def test_every_candidate_has_its_mean_over_all_tasks():
    bench = Bench()
    assert bench.means(Trials()) == pytest.approx([0.45, 0.9, 1.35])
    # Each part is drawn once, and no more than one is there at a time.
    assert bench.drawn == [(0, 5), (5, 5)]


@pytest.mark.parametrize("before", range(6))
def test_a_selection_that_was_stopped_makes_no_trial_twice(before):
    asked = iter([False] * before)

    def pause() -> None:
        if next(asked, True):
            raise Stopped("a signal")

    done: list[Tensor] = []
    bench = Bench()
    with pytest.raises(Stopped):
        bench.means(Trials(done=done, pause=pause))
    assert len(done) == before
    assert bench.means(Trials(done=done)) == pytest.approx([0.45, 0.9, 1.35])
    assert bench.tried == 2 * [each["step_size"] for each in CANDIDATES]
