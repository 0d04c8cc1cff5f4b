"""Scoring a trained model under a protocol."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from baselines import FewShotMethod
from suite.data.tasks import TaskStream
from suite.errors import Stopped
from suite.inner.learner import Learner
from suite.inner.losses import task_scores
from suite.partial import PartialScore
from suite.settings import Config, Protocol
from suite.settings.datasets import IMAGE_SHAPE

# What scoring may hold at once. Fixed, so that a score depends on no other use of the machine.
_BYTES = {"cpu": 2**30, "cuda": 2**32}
# With fewer tasks at once some convolutions and products are summed in another order, so that the
# last digits of a score would depend on their number; with four or more they do not.
_LEAST_TASKS, _MOST_TASKS = 4, 50
# Values that scoring holds for each of a network's activations.
_COPIES = 3
_SAVE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What the world wants of a scoring under way."""

    stop: Callable[[], str | None] = lambda: None
    """Asked between batches of tasks; a reason stops the scoring."""
    progress: Callable[[int, int], None] = lambda done, tasks: None
    """Told after every batch: tasks scored, and tasks in all."""
    partial: PartialScore | None = None
    """Where a score that is not whole is kept; None where it is not."""

    def pause(self) -> None:
        """Raise `Stopped` where there is a reason to stop."""
        if reason := self.stop():
            raise Stopped(reason)


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
    device = next(iter(learner.params.values())).device
    scores = watch.partial.scores() if watch.partial else []
    done, saved = sum(part.shape[1] for part in scores), time.monotonic()
    for start, end in _parts(protocol.tasks, tasks_at_once(learner.config, protocol, device)):
        if start < done:
            continue
        reason = watch.stop()
        if watch.partial and (reason or time.monotonic() - saved > _SAVE_SECONDS):
            watch.partial.save(selected, scores)
            saved = time.monotonic()
        if reason:
            raise Stopped(reason)
        batch = test.batch(start, end - start, protocol.k_shot, protocol.n_query)
        by_step = method.by_step(learner, batch, protocol.steps, selected)
        each = [task_scores(learner.config, outputs, batch.query_y) for outputs in by_step]
        scores.append(torch.stack(each).double().cpu())
        watch.progress(end, protocol.tasks)
    return torch.cat(scores, dim=1)


def _parts(tasks: int, least: int) -> Iterator[tuple[int, int]]:
    """First and last task of parts of equal size, `least` tasks or few more."""
    count = max(1, tasks // least)
    return pairwise(tasks * number // count for number in range(count + 1))


def tasks_at_once(config: Config, protocol: Protocol, device: torch.device) -> int:
    """How many tasks to score at once: by the shapes of the run alone, within about 1 GiB of a CPU.

    On a GPU it is 4 GiB.
    """
    examples = config.n_way * (protocol.k_shot + protocol.n_query)
    bytes_a_task = 4 * _COPIES * examples * _activations(config)
    return int(min(_MOST_TASKS, max(_LEAST_TASKS, _BYTES[device.type] // bytes_a_task)))


def _activations(config: Config) -> int:
    """Values of all layers for one example."""
    channels, height, width = IMAGE_SHAPE.get(config.dataset, (1, 1, 1))
    total = channels * height * width
    for units in config.hidden:
        if config.network == "conv-stride":
            height, width = (height + 1) // 2, (width + 1) // 2
        # Those of a pooled layer are counted before it is pooled.
        total += units * (height * width if config.network.startswith("conv") else 1)
        if config.network == "conv-pool":
            height, width = height // 2, width // 2
    return total
