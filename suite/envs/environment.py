"""What an environment is to the suite: pure functions of many states at once.

State is passed in and out, so that any subset can go on, stop or start again, and nothing has to be
saved but arrays. Actions are those of the policy: [-1, 1] is scaled to the actuators, and what lies
outside is clipped.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What an action led to."""

    state: Array  # (copy, state)
    reward: Array  # (copy,)
    done: Mask  # (copy,), whether the trajectory ended before its horizon


class Environment(Protocol):
    """An environment whose reward depends on a goal."""

    @property
    def observation_size(self) -> int:
        """Numbers an observation, without the goal."""
        ...

    @property
    def action_size(self) -> int:
        """Numbers an action."""
        ...

    @property
    def horizon(self) -> int:
        """Steps after which a trajectory ends in any case."""
        ...

    def goals(self, count: int, rng: np.random.Generator | np.random.RandomState) -> Array:
        """Goals of `count` tasks, (task, goal)."""
        ...

    def test_goals(self) -> Array:
        """The goals of the paper's 40 test tasks, (task, goal)."""
        ...

    def initial(self, count: int, rng: np.random.Generator) -> Array:
        """First states of `count` trajectories, (copy, state)."""
        ...

    def step(self, state: Array, action: Array, goals: Array) -> Step:
        """Take one step from states (copy, state) by actions (copy, action) for goals (copy, goal).

        An action that is not finite is a `UsageError`.
        """
        ...

    def observe(self, state: Array) -> Array:
        """What the policy sees, (copy, observation)."""
        ...
