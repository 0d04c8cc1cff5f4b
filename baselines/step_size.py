"""Choosing the step size of gradient descent at test on validation tasks.

The paper tunes it "automatically" for its pretrained network and does not say how.
"""

import math

from torch import Tensor

from suite.data.tasks import TaskBatch, TaskStream
from suite.inner.adapt import predictions
from suite.inner.learner import Learner
from suite.inner.losses import task_scores
from suite.inner.parts import tasks_at_once
from suite.inner.trials import Candidate, Trials
from suite.settings import METRICS, Protocol

STEP_SIZES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0)


def best_step_size(
    learner: Learner,
    validation: TaskStream,
    protocol: Protocol,
    trials: Trials,
    *,
    sizes: tuple[float, ...],
    tasks: int,
) -> Candidate:
    """The `step_size` with the best mean score after the protocol's `report_step`."""
    k_shot, n_query = protocol.k_shot, protocol.n_query

    def scores(candidate: Candidate, batch: TaskBatch) -> Tensor:
        outputs: Tensor
        lr = candidate["step_size"]
        *_, outputs = predictions(learner, batch, lr=lr, steps=protocol.report_step)
        return task_scores(learner.config, outputs, batch.query_y)

    candidates: list[Candidate] = [{"step_size": size} for size in sizes]
    means = trials.means(
        candidates,
        tasks,
        tasks_at_once(learner.config, k_shot + n_query, learner.device),
        lambda start, count: validation.batch(start, count, k_shot, n_query),
        scores,
    )
    metric = METRICS[learner.config.problem]
    gains = [metric.gain(mean) if math.isfinite(mean) else -math.inf for mean in means]
    return candidates[gains.index(max(gains))]
