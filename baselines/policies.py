"""The paper's methods in reinforcement learning: section 5.3, Figures 4 and 5."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from baselines import context_vector
from baselines.options import Candidates, Count
from baselines.policy_method import PolicyMethod
from suite.inner.loop import Order
from suite.models import Network
from suite.models.context import CONTEXT, NUMBERS
from suite.rl.policy import policy_network
from suite.settings import Config

_TRAINED = frozenset({"activation"})
"""Whatever is trained has ReLU."""
_ALL_GOALS = _TRAINED | {"inner_lr", "n_query", "fisher_tasks"}
"""All goals' trajectories are one batch, of one policy that takes no inner step in training."""


@dataclass(frozen=True, kw_only=True)
class MamlPolicy(PolicyMethod):
    """TRPO on policies that have taken a policy-gradient step, through that step."""

    name: ClassVar[str] = "maml"
    order: ClassVar[Order | None] = "second"
    unheeded: ClassVar[frozenset[str]] = _TRAINED


@dataclass(frozen=True, kw_only=True)
class FomamlPolicy(PolicyMethod):
    """As MAML, but the inner gradients count as constants (authors' `stop_grad`)."""

    name: ClassVar[str] = "fomaml"
    order: ClassVar[Order | None] = "first"
    unheeded: ClassVar[frozenset[str]] = _TRAINED


@dataclass(frozen=True, kw_only=True)
class ContextPolicy(PolicyMethod):
    """As MAML, but the policy sees free numbers behind its observations, and the inner step changes
    those alone: appendix C, Tables 4 and 5; see `baselines.context_vector`."""

    name: ClassVar[str] = "context-vector"
    order: ClassVar[Order | None] = "second"
    unheeded: ClassVar[frozenset[str]] = _TRAINED
    sources: ClassVar[Mapping[str, str]] = {
        **context_vector.SOURCES,
        "numbers": "this suite, as many as the authors' code has for the sinusoid; the paper is "
        "silent, and no code of theirs for policies has a context",
    }
    numbers: Count = NUMBERS
    """How many numbers the context has."""
    adapts: Literal["context", "everything"] = "context"
    """Which weights the inner step changes: the context alone, or all others with it."""

    def network(self, config: Config, classes: int) -> Network:
        network = policy_network(config, informed=False, context=self.numbers)
        return network if self.adapts == "everything" else replace(network, adapted=(CONTEXT,))


@dataclass(frozen=True, kw_only=True)
class PretrainedPolicy(PolicyMethod):
    """One policy for all goals, and then gradient descent with a step size that was chosen."""

    name: ClassVar[str] = "pretraining"
    unheeded: ClassVar[frozenset[str]] = _ALL_GOALS
    sources: ClassVar[Mapping[str, str]] = {
        "step_sizes": "this suite; the authors' test scripts have 0.5, 0.02 and 0.2, which lie "
        "within, and do not say how they were found",
        "validation_tasks": "this suite: half as many goals as are tested on, none of them tested",
    }
    step_sizes: Candidates = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # type: ignore[misc]
    validation_tasks: Count = 20  # type: ignore[misc]


@dataclass(frozen=True, kw_only=True)
class RandomPolicy(PolicyMethod):
    """No training; the authors' step size."""

    name: ClassVar[str] = "random-init"
    unheeded: ClassVar[frozenset[str]] = frozenset(
        {"k_shot", "n_query", "tasks_per_batch", "trust_region", "fisher_tasks", "fisher_every"}
    )


@dataclass(frozen=True, kw_only=True)
class InformedPolicy(PolicyMethod):
    """The oracle: told the goal, and not adapted."""

    name: ClassVar[str] = "oracle"
    informed: ClassVar[bool] = True
    unheeded: ClassVar[frozenset[str]] = _ALL_GOALS | {"later_step_share"}
