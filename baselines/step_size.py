"""Choosing the step size of gradient descent at test on validation tasks.

The paper tunes it "automatically" for its pretrained network and does not say how.
"""

import math

from torch import Tensor

from suite.data.tasks import TaskStream
from suite.inner.adapt import predictions
from suite.inner.learner import Learner
from suite.inner.losses import task_scores
from suite.settings import METRICS, Protocol

STEP_SIZES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0)


def best_step_size(
    learner: Learner,
    validation: TaskStream,
    protocol: Protocol,
    *,
    candidates: tuple[float, ...],
    tasks: int,
) -> dict[str, float]:
    """The `step_size` with the best mean score after the protocol's `report_step`."""
    batch = validation.batch(0, tasks, protocol.k_shot, protocol.n_query)

    def badness(lr: float) -> float:
        learner.pause()
        outputs: Tensor
        *_, outputs = predictions(learner, batch, lr=lr, steps=protocol.report_step)
        mean = float(task_scores(learner.config, outputs, batch.query_y).mean())
        if not math.isfinite(mean):
            return math.inf
        return -METRICS[learner.config.problem].gain(mean)

    return {"step_size": min(candidates, key=badness)}
