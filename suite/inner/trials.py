"""Choosing among candidates by their scores on validation tasks, in parts, as memory allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from suite.data.tasks import TaskBatch
from suite.inner.parts import parts

Candidate = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Trials:
    """The trials of one selection: those of before a stop are not made again."""

    done: list[Tensor] = field(default_factory=list)
    """The scores (task,) of each candidate on the first part of the tasks, on the second, ..."""
    pause: Callable[[], None] = lambda: None
    """Called between trials; it raises `Stopped` where that is to stop."""

    def means(
        self,
        candidates: Sequence[Candidate],
        tasks: int,
        at_once: int,
        draw: Callable[[int, int], TaskBatch],
        score: Callable[[Candidate, TaskBatch], Tensor],
    ) -> list[float]:
        """The mean score of each candidate over the first `tasks` tasks, `at_once` or few more.

        `draw` gives so many tasks from one on, `score` the scores (task,) of a candidate on them.
        """
        many = len(candidates)
        for number, (start, end) in enumerate(parts(tasks, at_once)):
            left = candidates[max(0, len(self.done) - number * many) :]
            batch = draw(start, end - start) if left else None
            for candidate in left:
                assert batch is not None
                self.pause()
                self.done.append(score(candidate, batch).detach().cpu())
        return [float(torch.cat(self.done[place::many]).mean()) for place in range(many)]
