"""The centre of mass is MuJoCo's own."""

import mujoco
import numpy as np
import pytest

from suite.envs.bodies import ANT, CHEETAH, build_model
from suite.envs.kinematics import centre_of_mass

SCENES = {
    "slides and hinges off their bodies' origins": """
        <mujoco><worldbody><body pos="1 2 3" quat=".6 0 .8 0">
          <joint type="slide" axis="0 .6 .8"/><joint type="hinge" axis=".6 0 .8" pos=".1 .2 .3"/>
          <geom size=".1" pos=".3 0 .1"/>
          <body pos="0 .5 0" quat=".8 .6 0 0"><joint axis="0 1 0" pos="-.1 0 .2"/>
            <geom size=".2" pos="0 .1 0"/></body>
          <body pos="0 -.5 0"><geom size=".15"/></body>
        </body></worldbody></mujoco>""",
    "free": """
        <mujoco><worldbody><body pos="0 0 1" quat=".8 0 .6 0"><freejoint/><geom size=".1"/>
          <body pos=".3 0 0"><joint axis="0 0 1"/><geom size=".1" pos=".2 0 0"/></body>
        </body></worldbody></mujoco>""",
}


def states(model, count=5):
    rng = np.random.default_rng(0)
    qpos = model.qpos0 + rng.normal(size=(count, model.nq))
    if model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE:
        qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    return qpos, rng.normal(size=(count, model.nv))


def check(model):
    qpos, qvel = states(model)
    place, velocity = centre_of_mass(model, qpos, qvel)
    data = mujoco.MjData(model)
    for row in range(len(qpos)):
        data.qpos[:], data.qvel[:] = qpos[row], qvel[row]
        mujoco.mj_forward(model, data)
        mujoco.mj_subtreeVel(model, data)
        np.testing.assert_allclose(place[row], data.subtree_com[0], atol=1e-12)
        np.testing.assert_allclose(velocity[row], data.subtree_linvel[0], atol=1e-12)


@pytest.mark.parametrize("body", [CHEETAH, ANT], ids=["cheetah", "ant"])
def test_of_the_paper_s_bodies(body):
    check(build_model(body))


@pytest.mark.parametrize("scene", SCENES)
def test_of_other_trees(scene):
    check(mujoco.MjModel.from_xml_string(SCENES[scene]))


def test_a_ball_joint_is_refused():
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><body><joint type="ball"/><geom size=".1"/></body></worldbody></mujoco>'
    )
    with pytest.raises(ValueError, match="kind"):
        centre_of_mass(model, np.array([[1.0, 0, 0, 0]]), np.zeros((1, 3)))
