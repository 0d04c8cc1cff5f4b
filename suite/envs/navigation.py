"""2-D navigation: a point goes to a position that it is not told (paper, section 5.3).

As the authors' `point_env_randgoal.py` has it: the reward is the negative distance, where the paper
says its square.
"""

import numpy as np

from suite.envs.actions import clipped
from suite.envs.environment import Array, Step

_STEP = 0.1
_NEAR = 0.01
_TEST_SEED, _TEST_TASKS = 1, 40


class PointNavigation:
    """Position (2) in, velocity (2) out; it ends where both coordinates are within 0.01."""

    observation_size = 2
    action_size = 2
    horizon = 100

    def goals(self, count: int, rng: np.random.Generator | np.random.RandomState) -> Array:
        return rng.uniform(-0.5, 0.5, (count, 2))

    def test_goals(self) -> Array:
        return self.goals(_TEST_TASKS, np.random.RandomState(_TEST_SEED))

    def initial(self, count: int, rng: np.random.Generator) -> Array:
        return np.zeros((count, 2))

    def step(self, state: Array, action: Array, goals: Array) -> Step:
        moved = state + _STEP * clipped(action)
        away = moved - goals
        return Step(
            state=moved,
            reward=-np.hypot(away[:, 0], away[:, 1]),
            done=np.abs(away).max(1) < _NEAR,
        )

    def observe(self, state: Array) -> Array:
        return state
