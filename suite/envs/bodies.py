"""The bodies of half-cheetah and ant as the paper had them: Gymnasium's models, made rllab's.

One physics step an action: 0.01 s for the cheetah, 0.02 s and Runge-Kutta for the ant, which also
has rllab's contact parameters. Sources: rllab's `vendor/mujoco_models`, `rllab/envs/mujoco`.
"""

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
import numpy.typing as npt

_ASSETS = Path("envs", "mujoco", "assets")


@dataclass(frozen=True, kw_only=True)
class Body:
    """What tells one body from another."""

    model: str
    """Gymnasium's file."""
    timestep: float | None
    """The time step in seconds, where it is not the file's."""
    contact: tuple[tuple[float, ...], tuple[float, ...]] | None
    """MuJoCo's solref and solimp of every geom, where they are not the file's."""
    fastest: float
    """Goal velocities are uniform between 0 and this, metres per second."""
    action_cost: float
    """What a step costs, times the sum of the squared actions, each in [-1, 1]."""
    alive: float
    """The reward of every step."""
    alive_at_velocity: float
    """What is added to it where the goal is a velocity."""
    heights: tuple[float, float] | None
    """The heights of the torso, in metres, outside of which a trajectory ends."""
    unseen_positions: int
    """How many of the first positions are not observed."""
    sees_orientation: bool
    """Whether the rotation matrix of the torso is observed."""
    direction_seed: int
    """The seed that the directions of the test goals are drawn by."""


CHEETAH = Body(
    model="half_cheetah.xml",
    timestep=None,
    contact=None,
    fastest=2.0,
    action_cost=0.05,
    alive=0.0,
    alive_at_velocity=0.0,
    heights=None,
    unseen_positions=1,
    sees_orientation=False,
    direction_seed=1,
)
ANT = Body(
    model="ant.xml",
    timestep=0.02,
    contact=((0.02, 1.0), (0.8, 0.8, 0.01, 0.5, 2.0)),
    fastest=3.0,
    action_cost=0.005,
    alive=0.05,
    alive_at_velocity=1.0,
    heights=(0.2, 1.0),
    unseen_positions=0,
    sees_orientation=True,
    direction_seed=2,
)


def build_model(body: Body) -> mujoco.MjModel:
    """The body's model."""
    found = importlib.util.find_spec("gymnasium")
    if found is None or found.origin is None:
        raise ImportError("No module named 'gymnasium'")
    spec = mujoco.MjSpec.from_file(str(Path(found.origin).parent / _ASSETS / body.model))
    if body.timestep is not None:
        spec.option.timestep = body.timestep
    if body.contact is not None:
        for geom in spec.geoms:
            geom.solref, geom.solimp = body.contact
    with warnings.catch_warnings():
        # The cheetah's `settotalmass`, which MuJoCo 4 still obeys.
        warnings.simplefilter("ignore", UserWarning)
        return spec.compile()


def resting(model: mujoco.MjModel) -> npt.NDArray[np.float64]:
    """Positions that trajectories start near, (nq,): the ant on bent legs, as rllab has it."""
    names = [model.numeric(index).name for index in range(model.nnumeric)]
    return np.array(model.numeric("init_qpos").data if "init_qpos" in names else model.qpos0)
