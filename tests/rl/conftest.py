"""What the tests of reinforcement learning share: two small batches of navigation, in float64."""

import numpy as np
import pytest
import torch

from suite.envs import PointNavigation
from suite.models.network import per_task
from suite.rl.policy import initial_policy
from suite.rl.sampling import sample
from suite.rl.trpo import Meta

TASKS, SLOTS, LR = 3, 2, 0.5


@pytest.fixture
def policy():
    drawn = initial_policy(2, 2, (6, 5), torch.Generator().manual_seed(0))
    return {name: value.double()[None] for name, value in drawn.items()}


@pytest.fixture
def meta(policy):
    """A function of the order of the inner step."""

    def make(order="second"):
        environment, rng = PointNavigation(), np.random.default_rng(0)
        goals = environment.goals(TASKS, rng)
        inner = sample(environment, per_task(policy, TASKS), goals, SLOTS, 0.99, rng)
        old = Meta.adapt(policy, inner, LR, "none")
        outer = sample(environment, old, goals, SLOTS, 0.99, rng)
        return Meta(policy, inner, old, outer, LR, order)

    return make
