"""The environments are rllab's, as settings.md and the paper's stored results describe them."""

import sys

import mujoco
import numpy as np
import pytest

from suite.envs import ENVIRONMENTS, PointNavigation, make_environment
from suite.envs.locomotion import Locomotion
from suite.errors import UsageError
from suite.settings.reinforcement import paper_returns

BODIES = ENVIRONMENTS[1:]


def begin(name, count=16, threads=1):
    environment = make_environment(name, threads=threads)
    rng = np.random.default_rng(0)
    state = environment.initial(count, rng)
    return environment, state, environment.goals(count, rng), rng


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_shapes(name):
    environment, state, goals, rng = begin(name)
    action = rng.normal(size=(16, environment.action_size))
    step = environment.step(state, action, goals)
    assert step.state.shape == state.shape
    assert step.reward.shape == step.done.shape == (16,)
    assert environment.observe(step.state).shape == (16, environment.observation_size)
    assert len(environment.test_goals()) == 40


def test_sizes_are_the_paper_s():
    """But the ant's, of whose 125 inputs the 84 contact forces are left out."""
    sizes = {name: make_environment(name).observation_size for name in ENVIRONMENTS}
    assert [sizes[name] for name in ENVIRONMENTS] == [2, 20, 20, 41, 41]
    horizons = [make_environment(name).horizon for name in ENVIRONMENTS]
    assert horizons == [100, 200, 200, 200, 200]


@pytest.mark.parametrize("name", BODIES)
def test_steps_are_mujoco_s(name):
    environment, state, goals, rng = begin(name)
    assert isinstance(environment, Locomotion)
    model = environment.model
    data = [mujoco.MjData(model) for _ in state]
    for each, row in zip(data, state, strict=True):
        each.qpos[:], each.qvel[:] = row[1 : 1 + model.nq], row[1 + model.nq : -6]
    for _ in range(30):
        action = rng.normal(size=(16, model.nu))
        step = environment.step(state, action, goals)
        state = step.state
        for place, each in enumerate(data):
            each.ctrl[:] = np.clip(action[place], -1.0, 1.0)
            each.qacc_warmstart[:] = 0.0
            mujoco.mj_step(model, each)
        mine = state[:, 1:-6]
        theirs = np.stack([np.concatenate([each.qpos, each.qvel]) for each in data])
        np.testing.assert_allclose(mine, theirs, atol=1e-9)
    for place, each in enumerate(data):
        mujoco.mj_forward(model, each)
        mujoco.mj_subtreeVel(model, each)
        np.testing.assert_allclose(state[place, -6:-3], each.subtree_com[0], atol=1e-9)
        speed = each.subtree_linvel[0][0]
        paid = np.sum(np.clip(action[place], -1.0, 1.0) ** 2)
        goal = goals[place, 0]
        velocity = name.endswith("velocity")
        wanted = -abs(speed - goal) if velocity else goal * speed
        bonus = (1.05 if velocity else 0.05) if name.startswith("ant") else 0.0
        cost = 0.005 if name.startswith("ant") else 0.05
        np.testing.assert_allclose(step.reward[place], wanted + bonus - cost * paid, atol=1e-9)


@pytest.mark.parametrize("name", BODIES)
def test_threads_change_no_number(name):
    ends = []
    for threads in (1, 2):
        environment, state, goals, rng = begin(name, threads=threads)
        for _ in range(10):
            action = rng.normal(size=(16, environment.action_size))
            state = environment.step(state, action, goals).state
        ends.append(state)
    np.testing.assert_array_equal(*ends)


def test_time_steps_and_contacts_are_rllab_s():
    cheetah, ant = (make_environment(name).model for name in ("cheetah-velocity", "ant-velocity"))
    assert (cheetah.opt.timestep, ant.opt.timestep) == (0.01, 0.02)
    assert ant.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4
    np.testing.assert_allclose(ant.geom_solimp[:, :3], [[0.8, 0.8, 0.01]] * ant.ngeom)


def test_trajectories_start_at_rest_with_noise():
    environment = make_environment("ant-velocity")
    state = environment.initial(4000, np.random.default_rng(0))
    model = environment.model
    assert state[:, 3].mean() == pytest.approx(0.55, abs=0.001)
    assert state[:, 3].std() == pytest.approx(0.01, rel=0.05)
    assert state[:, 1 + model.nq : -6].std() == pytest.approx(0.1, rel=0.02)


def test_the_ant_falls_and_the_cheetah_does_not():
    ant = make_environment("ant-velocity")
    state = ant.initial(3, np.random.default_rng(0))
    state[0, 3], state[1, 3] = 0.1, 1.5
    assert ant.step(state, np.zeros((3, 8)), np.ones((3, 1))).done.tolist() == [True, True, False]
    cheetah = make_environment("cheetah-velocity")
    state = cheetah.initial(2, np.random.default_rng(0))
    state[0, 2] = 5.0
    assert not cheetah.step(state, np.zeros((2, 6)), np.ones((2, 1))).done.any()


def test_navigation():
    navigation = PointNavigation()
    state = navigation.initial(2, np.random.default_rng(0))
    goals = np.array([[0.1, 0.1], [0.3, -0.4]])
    step = navigation.step(state, np.array([[1.0, 7.0], [0.0, 0.0]]), goals)
    np.testing.assert_allclose(step.state, [[0.1, 0.1], [0.0, 0.0]])
    np.testing.assert_allclose(step.reward, [0.0, -0.5], atol=1e-12)
    assert step.done.tolist() == [True, False]


def test_the_paper_s_test_goals():
    """The directions that the authors' results show, and the first goals that their seeds draw."""
    for name, forward in (("cheetah-direction", 18), ("ant-direction", 20)):
        goals = make_environment(name).test_goals()[:, 0]
        assert (goals == 1.0).sum() == forward
        # Policies that do not adapt have one return for each direction.
        for method in ("pretraining", "random-init"):
            stored = paper_returns()[name][method][0]
            assert len({*zip(goals, np.round(stored, 3), strict=True)}) == 2
    first = np.random.RandomState(1).uniform(size=4)
    np.testing.assert_allclose(PointNavigation().test_goals()[:2].ravel(), first - 0.5)
    np.testing.assert_allclose(
        make_environment("ant-velocity").test_goals()[:4, 0], 3.0 * first, rtol=1e-12
    )


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_an_action_that_is_not_finite_is_refused(name, wrong):
    environment, state, goals, _ = begin(name)
    action = np.zeros((16, environment.action_size))
    action[3, 1] = wrong
    with pytest.raises(UsageError, match="diverged"):
        environment.step(state, action, goals)


def test_an_unknown_name_is_refused():
    with pytest.raises(UsageError, match="point-navigation, cheetah-velocity"):
        make_environment("hopper")


def test_without_mujoco_the_message_names_the_command(monkeypatch):
    for name in [each for each in sys.modules if each.startswith("suite.envs.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(UsageError, match=r"pip install -e '\.\[rl\]'"):
        make_environment("ant-direction")
    assert make_environment("point-navigation").horizon == 100
