"""The context vector: paper, appendix C, Tables 3 to 5; after Rei 2015.

Free inputs beside the data, the same for all examples of a task. The inner loop adapts them alone,
and all other weights are meta-learned through it: an ablation of which weights MAML has to adapt.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import Tensor

from baselines.gradient import GradientMethod
from baselines.maml import query_losses
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.models import Network
from suite.models.context import CONTEXT, context_network
from suite.settings import Config


@dataclass(frozen=True, kw_only=True)
class ContextVector(GradientMethod):
    """MAML that adapts its inputs, second derivatives included."""

    name: ClassVar[str] = "context-vector"
    unheeded: ClassVar[frozenset[str]] = frozenset({"images_per_batch", "adapt_beta"})
    adapts: Literal["context", "everything"] = "context"
    """What the inner loop changes: the context, as the paper says, or what MAML does beside it, as
    the authors' code does (maml.py at 42bac0c, whose inner step is of all weights)."""

    def network(self, config: Config, classes: int) -> Network:
        network = context_network(config)
        return network if self.adapts == "everything" else replace(network, adapted=(CONTEXT,))

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        return query_losses(learner, batch, "second")
