"""Scoring a trained model under a protocol."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines import FewShotMethod
from suite.data.tasks import TaskStream
from suite.errors import Stopped
from suite.inner.learner import Learner
from suite.inner.losses import task_scores
from suite.inner.parts import parts, tasks_at_once
from suite.run.partial import Kept, PartialScore
from suite.settings import Protocol

_SAVE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How a caller follows, keeps and stops a scoring that is under way."""

    stop: Callable[[], str | None] = lambda: None
    """Called between batches of tasks; a reason that it returns stops the scoring."""
    progress: Callable[[int, int], None] = lambda done, tasks: None
    """Called after every batch: tasks scored, and tasks in all."""
    partial: PartialScore | None = None
    """The file that keeps an unfinished score; None keeps none."""

    def pause(self) -> None:
        """Raise `Stopped` where there is a reason to stop."""
        if reason := self.stop():
            raise Stopped(reason)

    @contextmanager
    def keeping(self, done: Callable[[], Kept]) -> Iterator[Callable[[], None]]:
        """Save `done()` where a stop ends the block.

        Yields a `pause` to call between batches, which also saves `done()` every half a minute.
        """
        saved = time.monotonic()

        def pause() -> None:
            nonlocal saved
            self.pause()
            if self.partial and time.monotonic() - saved > _SAVE_SECONDS:
                self.partial.save(done())
                saved = time.monotonic()

        try:
            yield pause
        except Stopped:
            if self.partial:
                self.partial.save(done())
            raise


def evaluate(
    method: FewShotMethod,
    learner: Learner,
    test: TaskStream,
    protocol: Protocol,
    selected: dict[str, float],
    watch: Watch | None = None,
) -> Tensor:
    """The score of every test task after each gradient step: (step, task), float64 on the CPU.

    Accuracies are fractions. `selected` is what `Method.select` chose. Raises `Stopped` where
    `watch` says so; what is scored by then is kept in its `partial`, and the next call goes on.
    """
    watch = watch or Watch()
    scores = list(watch.partial.kept().scores) if watch.partial else []
    done = sum(part.shape[1] for part in scores)
    at_once = tasks_at_once(learner.config, protocol.k_shot + protocol.n_query, learner.device)
    with watch.keeping(lambda: Kept(selected=selected, scores=scores)) as pause:
        for start, end in parts(protocol.tasks, at_once):
            if start < done:
                continue
            pause()
            batch = test.batch(start, end - start, protocol.k_shot, protocol.n_query)
            by_step = method.by_step(learner, batch, protocol.steps, selected)
            each = [task_scores(learner.config, outputs, batch.query_y) for outputs in by_step]
            scores.append(torch.stack(each).double().cpu())
            watch.progress(end, protocol.tasks)
    return torch.cat(scores, dim=1)
