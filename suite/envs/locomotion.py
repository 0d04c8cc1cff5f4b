"""Half-cheetah and ant that run at a goal velocity or in a goal direction (paper, section 5.3).

Batches of states, stepped by MuJoCo's C threads. What still differs from the paper's: the engine
(MuJoCo 4, not 1.31), and the ant neither sees its contact forces (84 of its 125 inputs) nor pays
for them (0.002 a step).
"""

from typing import Literal

import mujoco
import numpy as np
from mujoco.rollout import Rollout
from scipy.spatial.transform import Rotation

from suite.envs.actions import clipped
from suite.envs.bodies import Body, build_model, resting
from suite.envs.environment import Array, Mask, Step
from suite.envs.kinematics import centre_of_mass

_TEST_TASKS, _VELOCITY_SEED = 40, 1
_POSITION_NOISE, _VELOCITY_NOISE = 0.01, 0.1
_HEIGHT = 2
_FORWARD_FROM = 1.3


class Locomotion:
    """A body and what it is to do.

    A state is MuJoCo's (time, positions, velocities), then position and velocity of the centre
    of mass of the whole body, three numbers each. A goal is a velocity in metres per second, or a
    direction, 1 for forward and -1 for backward. `threads` changes the speed and no number.
    """

    horizon = 200

    def __init__(
        self, body: Body, task: Literal["velocity", "direction"], *, threads: int = 1
    ) -> None:
        self.body, self.task = body, task
        self.model = build_model(body)
        self._positions = slice(1, 1 + self.model.nq)
        self._velocities = slice(1 + self.model.nq, 1 + self.model.nq + self.model.nv)
        self._rollout = Rollout(nthread=threads if threads > 1 else 0)
        self._data = [mujoco.MjData(self.model) for _ in range(threads)]

    @property
    def action_size(self) -> int:
        """The number of actuators, each of which takes one number."""
        return int(self.model.nu)

    @property
    def observation_size(self) -> int:
        """Numbers an observation, see `observe`."""
        seen = self.model.nq - self.body.unseen_positions + self.model.nv + 3
        return int(seen + 9 * self.body.sees_orientation)

    def goals(self, count: int, rng: np.random.Generator | np.random.RandomState) -> Array:
        """Velocities, uniform; or directions, each as likely as the other. (task, 1)"""
        if self.task == "velocity":
            return rng.uniform(0.0, self.body.fastest, (count, 1))
        return np.where(rng.binomial(1, 0.5, (count, 1)) == 1, 1.0, -1.0)

    def test_goals(self) -> Array:
        """The goals of the paper's 40 test tasks, (task, 1).

        Directions are those that the authors' stored returns show, 20 of 40 forward for the ant;
        the published script of the ant has another threshold, and five others.
        """
        if self.task == "velocity":
            return self.goals(_TEST_TASKS, np.random.RandomState(_VELOCITY_SEED))
        drawn = np.random.RandomState(self.body.direction_seed).uniform(0.0, 3.0, (_TEST_TASKS, 1))
        return np.where(drawn > _FORWARD_FROM, 1.0, -1.0)

    def initial(self, count: int, rng: np.random.Generator) -> Array:
        """States at rest, with normal noise on every position and velocity: sd 0.01 and 0.1."""
        physics = np.zeros((count, 1 + self.model.nq + self.model.nv))
        noise = _POSITION_NOISE * rng.standard_normal((count, self.model.nq))
        physics[:, self._positions] = resting(self.model) + noise
        noise = _VELOCITY_NOISE * rng.standard_normal((count, self.model.nv))
        physics[:, self._velocities] = noise
        return self._with_centre(physics)

    def step(self, state: Array, action: Array, goals: Array) -> Step:
        """See `suite.envs.environment.Environment.step`."""
        action = clipped(action)
        physics, _ = self._rollout.rollout(
            self.model, self._data, state[:, :-6], action[:, None], nstep=1
        )
        moved = self._with_centre(physics[:, 0])
        speed, goal = moved[:, -3], goals[:, 0]
        body = self.body
        if self.task == "velocity":
            reward = body.alive_at_velocity - np.abs(speed - goal)
        else:
            reward = goal * speed
        reward = reward + body.alive - body.action_cost * (action**2).sum(1)
        return Step(state=moved, reward=reward, done=self._fallen(moved))

    def observe(self, state: Array) -> Array:
        """Positions (without the cheetah's along the track), velocities, for the ant the rotation
        matrix of its torso, centre of mass: 20 numbers for the cheetah, 41 for the ant."""
        positions = state[:, self._positions]
        parts = [positions[:, self.body.unseen_positions :], state[:, self._velocities]]
        if self.body.sees_orientation:
            turned = Rotation.from_quat(positions[:, 3:7], scalar_first=True)
            parts.append(turned.as_matrix().reshape(-1, 9))
        return np.concatenate([*parts, state[:, -6:-3]], axis=1)

    def _with_centre(self, physics: Array) -> Array:
        position, velocity = centre_of_mass(
            self.model, physics[:, self._positions], physics[:, self._velocities]
        )
        return np.concatenate([physics, position, velocity], axis=1)

    def _fallen(self, state: Array) -> Mask:
        if self.body.heights is None:
            return np.zeros(len(state), dtype=np.bool_)
        low, high = self.body.heights
        height = state[:, 1 + _HEIGHT]
        return (height < low) | (height > high)
