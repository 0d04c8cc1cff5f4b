"""The paper's methods in reinforcement learning: section 5.3, Figures 4 and 5."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.policy_method import PolicyMethod
from suite.inner.loop import Order


@dataclass(frozen=True, kw_only=True)
class MamlPolicy(PolicyMethod):
    """TRPO on policies that have taken a policy-gradient step, through that step."""

    name: ClassVar[str] = "maml"
    order: ClassVar[Order | None] = "second"


@dataclass(frozen=True, kw_only=True)
class FomamlPolicy(PolicyMethod):
    """As MAML, but the inner gradients count as constants (authors' `stop_grad`)."""

    name: ClassVar[str] = "fomaml"
    order: ClassVar[Order | None] = "first"


@dataclass(frozen=True, kw_only=True)
class PretrainedPolicy(PolicyMethod):
    """One policy for all goals, and then gradient descent with a step size that was chosen."""

    name: ClassVar[str] = "pretraining"
    step_sizes: tuple[float, ...] = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # type: ignore[misc]
    validation_tasks: int = 20  # type: ignore[misc]


@dataclass(frozen=True, kw_only=True)
class RandomPolicy(PolicyMethod):
    """No training; the authors' step size."""

    name: ClassVar[str] = "random-init"


@dataclass(frozen=True, kw_only=True)
class InformedPolicy(PolicyMethod):
    """The oracle: told the goal, and not adapted."""

    name: ClassVar[str] = "oracle"
    told: ClassVar[bool] = True
