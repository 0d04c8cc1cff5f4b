"""Choosing the step size of gradient descent at test on validation tasks.

The paper tunes it "automatically" for its pretrained network and does not say how.
"""

import math

from torch import Tensor

from suite.data.tasks import TaskStream
from suite.inner.adapt import predictions
from suite.inner.losses import task_scores
from suite.models import Network, Params
from suite.settings import Config, Protocol

STEP_SIZES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0)


def best_step_size(
    network: Network,
    params: Params,
    validation: TaskStream,
    config: Config,
    protocol: Protocol,
    *,
    candidates: tuple[float, ...],
    tasks: int,
) -> float:
    """The candidate with the least mean squared error after the protocol's `report_step`."""
    batch = validation.batch(0, tasks, protocol.k_shot, protocol.n_query)

    def error(lr: float) -> float:
        outputs: Tensor
        *_, outputs = predictions(network, params, batch, config, lr=lr, steps=protocol.report_step)
        mean = float(task_scores(config, outputs, batch.query_y).mean())
        return mean if math.isfinite(mean) else math.inf

    return min(candidates, key=error)
