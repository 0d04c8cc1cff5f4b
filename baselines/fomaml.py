"""First-order MAML: paper, section 5.2; authors' `--stop_grad=True`.

As MAML, but the inner gradients count as constants in the meta-gradient.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from baselines.maml import meta_objective
from baselines.method import Method
from suite.data.tasks import TaskBatch
from suite.models import Network, Params
from suite.settings import Config


@dataclass(frozen=True, kw_only=True)
class Fomaml(Method):
    """First-order MAML."""

    name: ClassVar[str] = "fomaml"

    def objective(
        self, network: Network, params: Params, batch: TaskBatch, config: Config
    ) -> tuple[Tensor, Tensor]:
        return meta_objective(network, params, batch, config, "first")
