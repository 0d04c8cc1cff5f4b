"""Choosing among candidates by their scores on validation tasks, in parts, as memory allows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from suite.data.tasks import TaskBatch, TaskStream
from suite.inner.learner import Learner
from suite.inner.losses import task_scores
from suite.inner.parts import parts, tasks_at_once
from suite.settings import METRICS

Candidate = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Trials:
    """The trials of one selection; those that were made before a stop are not made again."""

    done: list[Tensor] = field(default_factory=list)
    """Scores, (task,): of each candidate on the first part of the tasks, then on the second, ..."""
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
        """The mean score of each candidate over the first `tasks` tasks.

        They are scored in parts of `at_once` tasks or a few more. `draw(first, count)` gives a
        part, and `score` gives the scores, (task,), of a candidate on it.
        """
        many = len(candidates)
        for number, (start, end) in enumerate(parts(tasks, at_once)):
            left = candidates[max(0, len(self.done) - number * many) :]
            batch = draw(start, end - start) if left else None
            for candidate in left:
                assert batch is not None
                self.pause()
                self.done.append(score(candidate, batch).detach().cpu())
        return [float(torch.cat(self.done[index::many]).mean()) for index in range(many)]

    def best(
        self,
        learner: Learner,
        validation: TaskStream,
        candidates: Sequence[Candidate],
        outputs: Callable[[Candidate, TaskBatch], Tensor],
        *,
        tasks: int,
        k_shot: int,
        n_query: int,
    ) -> Candidate:
        """The candidate with the best mean score on validation tasks; the first where two tie.

        `outputs` gives a candidate's outputs for the query sets, (task, query, output). A mean that
        is not finite is the worst.
        """
        config = learner.config
        means = self.means(
            candidates,
            tasks,
            tasks_at_once(config, k_shot + n_query, learner.device),
            lambda start, count: validation.batch(start, count, k_shot, n_query),
            lambda each, batch: task_scores(config, outputs(each, batch), batch.query_y),
        )
        metric = METRICS[config.problem]
        gains = [metric.gain(mean) if math.isfinite(mean) else -math.inf for mean in means]
        return candidates[gains.index(max(gains))]
