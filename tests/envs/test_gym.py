"""One state at a time, the environments are Gymnasium's."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import suite.envs.gym  # noqa: F401
from suite.envs import ENVIRONMENTS, make_environment
from suite.errors import UsageError


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_gymnasium_s_own_checks_pass(name):
    environment = gymnasium.make(f"suite/{name}-v0")
    with warnings.catch_warnings():
        # It would have finite bounds on observations, which the physics does not have.
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(environment.unwrapped, skip_render_check=True)
    assert environment.spec.max_episode_steps == make_environment(name).horizon
    environment.close()


def test_a_goal_may_be_given():
    environment = gymnasium.make("suite/cheetah-velocity-v0")
    _, first = environment.reset(seed=0)
    _, again = environment.reset(seed=0)
    np.testing.assert_array_equal(first["goal"], again["goal"])
    _, given = environment.reset(seed=0, options={"goal": [1.5]})
    assert given["goal"].tolist() == [1.5]
    with pytest.raises(UsageError, match="1 numbers, not 2"):
        environment.reset(options={"goal": [1.0, 2.0]})


def test_a_trajectory_ends_at_the_horizon():
    environment = gymnasium.make("suite/point-navigation-v0")
    environment.reset(seed=0, options={"goal": [0.5, 0.5]})
    for step in range(100):
        *_, terminated, truncated, _ = environment.step(np.zeros(2, dtype=np.float32))
        assert not terminated
        assert truncated == (step == 99)
