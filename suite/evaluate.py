"""Scoring a trained model under a protocol."""

import torch
from torch import Tensor

from baselines import Method
from suite.data.tasks import TaskStream
from suite.inner.learner import Learner
from suite.inner.losses import task_scores
from suite.settings import Protocol

# Fixed, so that a score does not depend on memory or device.
_TASKS_AT_ONCE = 50


def evaluate(
    method: Method,
    learner: Learner,
    test: TaskStream,
    protocol: Protocol,
    selected: dict[str, float],
) -> Tensor:
    """The score of every test task after each gradient step: (step, task), float64 on the CPU.

    Accuracies are fractions. `selected` is what `Method.select` chose.
    """
    scores = []
    for start in range(0, protocol.tasks, _TASKS_AT_ONCE):
        tasks = min(_TASKS_AT_ONCE, protocol.tasks - start)
        batch = test.batch(start, tasks, protocol.k_shot, protocol.n_query)
        by_step = method.predict(learner, batch, protocol.steps, selected)
        scores.append(
            torch.stack(
                [task_scores(learner.config, outputs, batch.query_y) for outputs in by_step]
            )
        )
    return torch.cat(scores, dim=1).double().cpu()
