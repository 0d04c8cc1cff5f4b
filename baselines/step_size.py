"""Choosing the step size of gradient descent at test on validation tasks.

The paper tunes it "automatically" for its pretrained network and does not say how.
"""

from collections.abc import Mapping

from torch import Tensor

from suite.data.tasks import TaskBatch, TaskStream
from suite.inner.adapt import predictions
from suite.inner.learner import Learner
from suite.inner.trials import Candidate, Trials
from suite.settings import Protocol

STEP_SIZES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0)
SOURCES: Mapping[str, str] = {
    "step_sizes": "this suite, three to each power of ten; the paper: 'automatically tuned'",
    "validation_tasks": "this suite: as many as are tested on; the paper does not say",
}


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

    def outputs(candidate: Candidate, batch: TaskBatch) -> Tensor:
        last: Tensor
        lr = candidate["step_size"]
        *_, last = predictions(learner, batch, lr=lr, steps=protocol.report_step)
        return last

    return trials.best(
        learner,
        validation,
        [{"step_size": size} for size in sizes],
        outputs,
        tasks=tasks,
        k_shot=protocol.k_shot,
        n_query=protocol.n_query,
    )
