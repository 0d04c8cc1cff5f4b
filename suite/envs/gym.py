"""The same environments one state at a time, for users of Gymnasium.

`import suite.envs.gym` registers them: `gymnasium.make("suite/cheetah-velocity-v0")`. The goal is
drawn at every reset, or given: `reset(options={"goal": [1.5]})`; it stands in `info`, not in what
is observed. A trajectory is truncated at the paper's horizon.
"""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box

from suite.envs import ENVIRONMENTS, PointNavigation, make_environment
from suite.errors import UsageError

Observation = npt.NDArray[np.float64]


class SingleEnv(gymnasium.Env[Observation, npt.NDArray[np.float32]]):
    """One trajectory of the environment of that name."""

    def __init__(self, name: str) -> None:
        self._environment = make_environment(name)
        size = self._environment.observation_size
        self.observation_space = Box(-np.inf, np.inf, (size,), np.float64)
        self.action_space = Box(-1.0, 1.0, (self._environment.action_size,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        drawn = self._environment.goals(1, self.np_random)
        given = (options or {}).get("goal")
        if given is not None:
            given = np.asarray(given, dtype=np.float64).reshape(1, -1)
            if given.shape != drawn.shape:
                raise UsageError(f"a goal has {drawn.shape[1]} numbers, not {given.shape[1]}")
        self._goal = drawn if given is None else given
        self._state = self._environment.initial(1, self.np_random)
        return self._environment.observe(self._state)[0], {"goal": self._goal[0].copy()}

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        wide = np.asarray(action, dtype=np.float64)[None]
        done = self._environment.step(self._state, wide, self._goal)
        self._state = done.state
        observed = self._environment.observe(done.state)[0]
        return (
            observed,
            float(done.reward[0]),
            bool(done.done[0]),
            False,
            {"goal": self._goal[0].copy()},
        )


def register() -> None:
    """Make the environments known to Gymnasium, with the paper's horizons."""
    for name in ENVIRONMENTS:
        gymnasium.register(
            id=f"suite/{name}-v0",
            entry_point="suite.envs.gym:SingleEnv",
            kwargs={"name": name},
            max_episode_steps=PointNavigation.horizon if name == "point-navigation" else 200,
        )


register()
