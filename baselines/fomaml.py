"""First-order MAML: paper, section 5.2; authors' `--stop_grad=True`.

As MAML, but the inner gradients count as constants in the meta-gradient.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from baselines.gradient import GradientMethod
from baselines.maml import query_losses
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner


@dataclass(frozen=True, kw_only=True)
class Fomaml(GradientMethod):
    """First-order MAML."""

    name: ClassVar[str] = "fomaml"

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        return query_losses(learner, batch, "first")
