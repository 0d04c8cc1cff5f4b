"""Where the centre of mass of a MuJoCo body tree is and how fast it goes, for many states at once.

`mujoco.rollout` steps states in C threads, but its sensors tell of the states before the last step.
The paper's rewards and observations are of the states after it.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

Array = npt.NDArray[np.float64]


@dataclass(kw_only=True)
class _Branch:
    """A body with all that hangs on it, seen from the frame that it hangs on."""

    mass: float
    sums: Array
    """(3, 2 * state): mass times the position of the centre of mass, then the momentum."""
    placed: bool = False
    """Whether it is in the world's frame already."""


def centre_of_mass(model: mujoco.MjModel, qpos: Array, qvel: Array) -> tuple[Array, Array]:
    """The centre of mass of the whole tree, from positions (state, nq) and velocities (state, nv).

    Its position and its velocity in the world's frame, (state, 3) metres and metres per second, for
    free, slide and hinge joints, as MuJoCo's own kinematics has them; else `ValueError`.
    """
    q, v = np.ascontiguousarray(qpos.T), np.ascontiguousarray(qvel.T)
    states = len(qpos)
    branches = [_Branch(mass=mass, sums=np.zeros((3, 2 * states))) for mass in model.body_mass]
    # A body comes after its parent, so from the last to the first each is complete in its turn.
    for body in range(model.nbody - 1, 0, -1):
        branch, parent = branches[body], branches[model.body_parentid[body]]
        branch.sums[:, :states] += model.body_mass[body] * model.body_ipos[body][:, None]
        first = model.body_jntadr[body]
        for joint in reversed(range(first, first + model.body_jntnum[body])):
            _move(branch, model, joint, q, v)
        w, x, y, z = model.body_quat[body]
        if w != 1.0 and not branch.placed:
            branch.sums = Rotation.from_quat([x, y, z, w]).as_matrix() @ branch.sums
        if not branch.placed:
            branch.sums[:, :states] += branch.mass * model.body_pos[body][:, None]
        parent.mass += branch.mass
        parent.sums += branch.sums
    position, velocity = np.split(branches[0].sums / branches[0].mass, 2, axis=1)
    return position.T, velocity.T


def _move(branch: _Branch, model: mujoco.MjModel, joint: int, q: Array, v: Array) -> None:
    """Move by one joint, from the frame after it to the frame before it."""
    states = q.shape[1]
    kind, mass = model.jnt_type[joint], branch.mass
    at, dof = model.jnt_qposadr[joint], model.jnt_dofadr[joint]
    axis, pivot = model.jnt_axis[joint], model.jnt_pos[joint][:, None]
    if kind == mujoco.mjtJoint.mjJNT_FREE:
        turn = Rotation.from_quat(q[at + 3 : at + 7].T, scalar_first=True)
        moment, momentum = np.split(branch.sums, 2, axis=1)
        momentum = momentum + np.cross(v[dof + 3 : dof + 6], moment, axis=0)
        moment = turn.apply(moment.T).T + mass * q[at : at + 3]
        momentum = turn.apply(momentum.T).T + mass * v[dof : dof + 3]
        branch.sums, branch.placed = np.concatenate([moment, momentum], axis=1), True
    elif kind == mujoco.mjtJoint.mjJNT_SLIDE:
        along = np.concatenate([q[at] - model.qpos0[at], v[dof]])
        branch.sums += (mass * axis)[:, None] * along
    elif kind == mujoco.mjtJoint.mjJNT_HINGE:
        branch.sums[:, :states] -= mass * pivot
        _turn(branch.sums, axis, q[at] - model.qpos0[at], v[dof])
        branch.sums[:, :states] += mass * pivot
    else:
        raise ValueError(f"joint {joint} is of a kind that is not known here")


def _turn(sums: Array, axis: Array, angle: Array, rate: Array) -> None:
    """Rotate in place about a unit `axis` through the origin, by Rodrigues' formula."""
    x, y, z = axis
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sine, versine = np.sin(angle), 1.0 - np.cos(angle)
    turned = np.concatenate([skew, skew @ skew]) @ sums
    both = sums.reshape(3, 2, -1)
    both += sine * turned[:3].reshape(both.shape) + versine * turned[3:].reshape(both.shape)
    both[:, 1] += rate * (skew @ both[:, 0])
