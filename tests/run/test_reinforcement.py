"""Reinforcement learning through the runner: records, resumes, failures, what is scored."""

import math
import re
import sys

import msgspec
import numpy as np
import pytest
import torch

import suite.run.reinforcement
from baselines import method_of
from suite.cli.progress import TrainingProgress
from suite.errors import Stopped, UsageError
from suite.registry import Registry
from suite.rl.policy import policy_network
from suite.run.execute import execute
from suite.run.reinforcement import World, policies_by_step, returns_of
from suite.run.request import Request
from suite.run.train import Hooks
from suite.settings import METHODS as ALL_METHODS
from suite.settings import get_setting
from suite.settings.metrics import RETURN

SETTING = get_setting("point-navigation")
METHODS = SETTING.methods
SMALL = {"tasks_per_batch": 3, "k_shot": 2, "n_query": 2, "hidden": (8,), "fisher_tasks": None}


def request(method="maml", *, seeds=(0,), iterations=2, changes=None, **others):
    unheeded = method_of(SETTING, method).unheeded
    small = {name: value for name, value in SMALL.items() if name not in unheeded}
    config = msgspec.structs.replace(SETTING.recipe(method).config, **(small | (changes or {})))
    (protocol,) = SETTING.recipe(method).protocols
    count = iterations if ALL_METHODS[method].trains else 0
    values = {
        "setting": SETTING,
        "method": method,
        "seeds": seeds,
        "config": config,
        "schedule": SETTING.schedule(count, method),
        "protocols": (msgspec.structs.replace(protocol, tasks=5, k_shot=3, n_query=3),),
        "device": torch.device("cpu"),
    }
    return Request(**(values | others))


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "results")


def run(registry, *args, **named):
    outcome = execute(request(*args, **named), registry, None)
    assert outcome.failures == []
    ((_, record),) = outcome.written
    return record


@pytest.mark.parametrize("method", METHODS)
def test_a_record_of_each_method(registry, method):
    record = run(registry, method)
    rows = record.per_task["return"]
    assert (len(rows), {len(row) for row in rows}) == (4, {5})
    assert all(value < 0.0 for row in rows for value in row)
    assert record.data.name == "point-navigation"
    assert list(registry.records()) == [record]
    trained = method != "random-init"
    assert [point.iteration for point in record.curve] == ([1, 2] if trained else [])
    for point in record.curve:
        assert point.train_metric == pytest.approx(point.validation_metric)
        assert point.train_loss <= 0.0 <= point.divergence <= 0.01
        # Without an inner step before and after are the same.
        assert (point.before == point.validation_metric) == (method in ("pretraining", "oracle"))
    assert (len(set(rows)) == 1) == (method == "oracle")
    # Navigation ends early at the goal, and a new trajectory begins.
    batches = {"pretraining": 1, "oracle": 1, "random-init": 0}.get(method, 2)
    steps = 2 * batches * record.config.tasks_per_batch * record.config.k_shot * 100
    assert steps <= record.timing.environment_steps <= 2 * steps
    assert set(record.selected) == ({"step_size"} if method == "pretraining" else set())


def test_methods_differ_and_seeds_too(registry):
    weights = {
        (method, seed): run(registry, method, seeds=(seed,)).provenance.weights_sha256
        for method in ("maml", "fomaml", "pretraining")
        for seed in (0, 1)
    }
    assert len(set(weights.values())) == len(weights)


def test_a_stopped_run_goes_on_as_if_nothing_had_been(registry, tmp_path):
    whole = run(registry, iterations=3, checkpoints=tmp_path / "whole")
    asked = iter([None, "stop"])
    stopping = request(
        iterations=3, hooks=Hooks(stop=lambda: next(asked)), checkpoints=tmp_path / "parts"
    )
    elsewhere = Registry(tmp_path / "elsewhere")
    with pytest.raises(Stopped):
        execute(stopping, elsewhere, None)
    again = run(elsewhere, iterations=3, checkpoints=tmp_path / "parts")
    assert again.timing.resumes == 1
    assert again.provenance.weights_sha256 == whole.provenance.weights_sha256
    assert (again.curve, again.per_task) == (whole.curve, whole.per_task)


def test_a_stopped_choice_of_the_step_size_goes_on(registry, tmp_path, monkeypatch):
    whole = run(registry, "pretraining", checkpoints=tmp_path / "whole")
    tried = []
    by_step = suite.run.reinforcement.policies_by_step

    def counted(world, params, goals, stream, protocol, lr, watch):
        if stream[1] == "validation":
            tried.append(lr)
        return by_step(world, params, goals, stream, protocol, lr, watch)

    monkeypatch.setattr(suite.run.reinforcement, "policies_by_step", counted)
    stop = lambda: "enough" if len(tried) == 4 else None  # noqa: E731
    stopping = request("pretraining", hooks=Hooks(stop=stop), checkpoints=tmp_path / "parts")
    elsewhere = Registry(tmp_path / "elsewhere")
    with pytest.raises(Stopped):
        execute(stopping, elsewhere, None)
    assert len(tried) == 4
    again = run(elsewhere, "pretraining", checkpoints=tmp_path / "parts")
    # The fourth was cut off, and is tried again.
    assert tried[3] == tried[4]
    assert len(tried) == len(set(tried)) + 1
    assert (again.selected, again.per_task) == (whole.selected, whole.per_task)


def test_a_policy_that_diverges_is_recorded_as_failed(registry):
    outcome = execute(request(changes={"inner_lr": 1e38}), registry, None)
    assert "Diverged" in outcome.failures[0]
    (record,) = registry.records()
    assert record.status == "failed"
    assert "not finite" in record.failure.message


def test_a_goal_whose_policy_diverges_at_test_counts_as_diverged(registry):
    record = run(registry, "random-init", changes={"inner_lr": 1e38, "activation": "relu"})
    first, *others = record.per_task["return"]
    assert None not in first
    assert {value for row in others for value in row} == {None}
    assert record.metrics["return"].diverged == 5


def test_seeds_train_one_by_one(registry):
    with pytest.raises(UsageError, match="one seed at a time"):
        execute(request(seeds=(0, 1)), registry, None)


def test_fisher_products_are_not_of_some_trajectories_only(registry):
    count = request().config.n_query
    with pytest.raises(UsageError, match=f"n_query={count}.*--set fisher_every={count + 1}"):
        execute(request(changes={"fisher_every": count}), registry, None)


@pytest.mark.parametrize("setting", ["point-navigation", "cheetah-velocity", "ant-direction"])
def test_the_settings_own_fisher_products_are_of_all_trajectories(setting):
    config = get_setting(setting).config
    assert math.gcd(config.fisher_every, config.n_query) == 1 < config.fisher_every


def test_trained_policies_have_relu(registry):
    with pytest.raises(UsageError, match="heeds no other activation than its own, relu"):
        execute(request(changes={"activation": "tanh"}), registry, None)
    assert SETTING.recipe("random-init").config.activation == "tanh"
    units = {
        run(registry, "random-init", changes={"activation": each}).per_task["return"]
        for each in ("relu", "tanh")
    }
    assert len(units) == 2


def test_more_test_goals_than_there_are(registry):
    (protocol,) = request().protocols
    protocols = (msgspec.structs.replace(protocol, tasks=41),)
    with pytest.raises(UsageError, match="tasks must be a whole number from 1 to 40"):
        execute(request("random-init", protocols=protocols), registry, None)


class Recorder:
    """Stands in for an environment and notes which goals its policies are told."""

    observation_size, action_size, horizon = 2, 2, 3

    def initial(self, count, rng):
        return np.zeros((count, 2))

    def observe(self, state):
        return state

    def step(self, state, action, goals):
        from suite.envs import Step

        return Step(state=state, reward=goals[:, 0], done=np.zeros(len(state), dtype=bool))


def test_returns_are_of_their_own_goals_and_steps_shrink(monkeypatch):
    taken = []

    def adapted(policies, batch, lr, order, activation, names):
        taken.append((lr, order, names))
        return policies

    monkeypatch.setattr("suite.run.reinforcement.adapted", adapted)
    params = policy_network(SETTING.config, informed=False).initial(
        torch.Generator().manual_seed(0)
    )
    params = {name: value[None] for name, value in params.items()}
    world = World(
        environment=Recorder(),
        discount=0.99,
        informed=False,
        later_step_share=0.5,
        adapted=("log_std",),
    )
    goals = np.array([[1.0, 0.0], [2.0, 0.0]])
    (protocol,) = SETTING.protocols
    found = returns_of(policies_by_step(world, params, goals, (0, "test"), protocol, 0.4))
    # Three rewards of a goal's own.
    assert found.tolist() == [[3.0, 6.0]] * 4
    assert taken == [(lr, "none", ("log_std",)) for lr in (0.4, 0.2, 0.2)]


def test_without_mujoco_a_run_names_the_command(registry, monkeypatch):
    for name in [each for each in sys.modules if each.startswith("suite.envs.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mujoco", None)
    setting = get_setting("cheetah-velocity")
    wanted = request(setting=setting, config=setting.config, schedule=setting.schedule(1))
    with pytest.raises(UsageError, match=r"-e '\.\[rl\]'"):
        execute(wanted, registry, None)


@pytest.mark.slow
def test_ten_iterations_learn_to_adapt(registry):
    """About -41 before and -14 after one step; untrained -58 at best."""
    wanted = request(
        config=SETTING.config, schedule=SETTING.schedule(10), protocols=SETTING.protocols
    )
    ((_, record),) = execute(wanted, registry, None).written
    before, after, *_ = record.metrics["return"].by_step
    assert -50.0 < before < -35.0
    assert -20.0 < after < -5.0
    assert math.isclose(record.metrics["return"].mean, after)


def test_progress_tells_of_both_returns(registry, caplog):
    caplog.set_level("INFO")
    shown = TrainingProgress("policy", RETURN, 2, None)
    execute(request(hooks=Hooks(progress=shown)), registry, None)
    (record,) = registry.records()
    last = record.curve[-1]
    wanted = f"return {last.before:.1f} -> {last.validation_metric:.1f}, divergence"
    (told,) = [message for message in caplog.messages if wanted in message]
    assert float(re.search(r"([\d,]+) steps/s", told)[1].replace(",", "")) > 100.0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_trains(registry):
    record = run(registry, iterations=3, device=torch.device("cuda"))
    assert all(0.0 < point.divergence <= 0.01 for point in record.curve)
    assert all(point.train_loss < 0.0 for point in record.curve)
