"""What the tests of reinforcement learning share: two small batches of navigation, in float64."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from suite.envs import PointNavigation
from suite.inner.loop import Order
from suite.models import Params, per_task
from suite.models.context import CONTEXT, initial_context
from suite.rl.policy import initial_policy
from suite.rl.sampling import sample
from suite.rl.trpo import Meta

TASKS, SLOTS, LR = 3, 2, 0.5


@pytest.fixture
def policy() -> Params:
    drawn = initial_policy(2, 2, (6, 5), torch.Generator().manual_seed(0))
    return {name: value.double()[None] for name, value in drawn.items()}


@pytest.fixture
def wider_policy() -> Params:
    """With a context of three numbers."""
    generator = torch.Generator().manual_seed(0)
    drawn = initial_policy(2 + 3, 2, (6, 5), generator) | initial_context((3,), generator)
    return {name: value.double()[None] for name, value in drawn.items()}


@pytest.fixture
def meta(policy: Params, wider_policy: Params) -> Callable[..., Meta]:
    """A function of the order of the inner step, and of the weights it changes where not all.

    The policy has a context where that is among them.
    """

    def make(order: Order = "second", names: tuple[str, ...] | None = None) -> Meta:
        params = wider_policy if names and CONTEXT in names else policy
        environment, rng = PointNavigation(), np.random.default_rng(0)
        goals = environment.goals(TASKS, rng)
        inner = sample(environment, per_task(params, TASKS), goals, SLOTS, 0.99, rng)
        old = Meta.adapt(params, inner, LR, "none", names)
        outer = sample(environment, old, goals, SLOTS, 0.99, rng)
        return Meta(params, inner, old, outer, LR, order, names)

    return make
