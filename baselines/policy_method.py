"""What a method of reinforcement learning is: which policies TRPO improves, and what they know.

`suite.rl` does the rest.
"""

from dataclasses import dataclass
from typing import ClassVar

from baselines.method import Method
from suite.inner.loop import Order
from suite.models import Network
from suite.rl.policy import policy_network
from suite.settings import Config


@dataclass(frozen=True, kw_only=True)
class PolicyMethod(Method):
    """A method of the paper's section 5.3. Its fields are its own hyper-parameters."""

    order: ClassVar[Order | None] = None
    """The order of derivative through the inner step; None where training takes no such step."""
    informed: ClassVar[bool] = False
    """Whether the policy is told the goal, after the observation."""
    step_sizes: ClassVar[tuple[float, ...]] = ()
    """The candidates for the step size at test, chosen on validation goals; none: `inner_lr`."""
    validation_tasks: ClassVar[int] = 20

    def network(self, config: Config, classes: int) -> Network:
        """The policy. Inner steps, in training and at test, change its `adapted` weights."""
        return policy_network(config, informed=self.informed)
