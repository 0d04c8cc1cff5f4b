"""The context vector: paper, appendix C, Tables 3 to 5; after Rei 2015.

Free inputs beside the data, the same for all examples of a task. The inner loop adapts them alone,
and all other weights are meta-learned through it: an ablation of which weights MAML has to adapt.
"""

from collections.abc import Mapping
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

SOURCES: Mapping[str, str] = {
    "adapts": "paper, appendix C; the authors' code (maml.py at 42bac0c) adapts everything",
    "inner_lr": "MAML's, as in the authors' code, where one flag sets both; the paper has none",
}
"""What holds for images, the sinusoid and policies alike."""


@dataclass(frozen=True, kw_only=True)
class ContextVector(GradientMethod):
    """MAML that adapts a context in place of its weights, second derivatives included."""

    name: ClassVar[str] = "context-vector"
    unheeded: ClassVar[frozenset[str]] = frozenset({"images_per_batch", "adapt_beta"})
    sources: ClassVar[Mapping[str, str]] = SOURCES
    adapts: Literal["context", "everything"] = "context"
    """Which weights the inner loop changes: the context alone, or also those that MAML changes."""

    def network(self, config: Config, classes: int) -> Network:
        network = context_network(config)
        return network if self.adapts == "everything" else replace(network, adapted=(CONTEXT,))

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        return query_losses(learner, batch, "second")
