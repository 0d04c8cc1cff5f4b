"""The losses of the paper, and the scores that its tables print, per task."""

from torch import Tensor
from torch.nn import functional as F

from suite.settings import Config


def task_losses(config: Config, k_shot: int, outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of each task, (task,).

    `outputs` is (task, example, output). Where the configuration's `loss_scale` is `sum-over-k`,
    the cross-entropy is summed over a task's examples and divided by `k_shot`, for query examples
    too (authors' utils.py).
    """
    if config.problem == "regression":
        return (outputs - targets).square().flatten(1).mean(1)
    each = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")
    each = each.view_as(targets)  # (task, example)
    return each.mean(1) if config.loss_scale == "mean" else each.sum(1) / k_shot


def task_scores(config: Config, outputs: Tensor, targets: Tensor) -> Tensor:
    """The score of each task, (..., task): accuracy as a fraction, or mean squared error."""
    if config.problem == "regression":
        return (outputs - targets).square().flatten(-2).mean(-1)
    return (outputs.argmax(-1) == targets).float().mean(-1)
