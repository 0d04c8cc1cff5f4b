"""Methods that share a pretraining: it runs once, is recorded as its own run, and is resumed."""

import itertools
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from filelock import FileLock

from baselines import method_of
from baselines.fine_tuning import FineTuning
from baselines.linear_head import LinearHead
from suite.data.images import ImageData, load_image_data
from suite.errors import Stopped
from suite.files import cache_dir
from suite.outer.engine import Engine
from suite.registry import Registry
from suite.run.execute import execute
from suite.run.request import Request
from suite.run.resume import trained_as
from suite.run.train import Hooks
from suite.settings import Setting, get_setting

SETTING = get_setting("omniglot-5way-1shot")
ITERATIONS = 6
ALL = ("pretraining", "nearest-neighbour", "fine-tuning")


@pytest.fixture(scope="module")
def drawings() -> ImageData:
    """Every class has its own noise, which is easily learned."""
    rng = np.random.default_rng(0)
    of_class = rng.integers(0, 200, (1623, 1, 1, 8, 8))
    images = of_class + rng.integers(0, 56, (1623, 20, 1, 8, 8))
    return ImageData(
        name="omniglot",
        images=images.astype(np.uint8),
        classes=tuple(f"class{number:04}" for number in range(1623)),
        fingerprint="0",
        warnings=(),
    )


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(FineTuning, "on", lambda self, _: FineTuning(**QUICK))


QUICK = {"step_sizes": (0.1, 0.01), "decays": (0.0,), "updates": 2, "validation_tasks": 3}


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "results")


def request(method: str, *, setting: Setting = SETTING, seeds=(0,), **changes) -> Request:
    config = setting.recipe(method).config
    protocols = tuple(
        msgspec.structs.replace(protocol, tasks=20) for protocol in setting.recipe(method).protocols
    )
    values = {
        "setting": setting,
        "method": method,
        "seeds": seeds,
        "config": msgspec.structs.replace(config, hidden=(8, 8, 8, 8), images_per_batch=16),
        "schedule": setting.schedule(ITERATIONS, method),
        "protocols": protocols,
        "device": torch.device("cpu"),
        # Each cache here would time which way is the fastest, and ways differ by rounding.
        "engine": Engine(kind="eager"),
    }
    return Request(**(values | changes))


def trainings() -> list[Path]:
    return sorted((cache_dir() / "runs").glob("*/checkpoint.pt"))


def counting(iterations: list[int], **hooks) -> Hooks:
    return Hooks(progress=lambda state: iterations.append(state.iteration), **hooks)


def test_one_pretraining_serves_three_methods_and_all_settings_of_its_data(registry, drawings):
    done: list[int] = []
    for name in ("nearest-neighbour", "fine-tuning", "pretraining"):
        outcome = execute(request(name, hooks=counting(done)), registry, drawings)
        assert not outcome.failures
    other = get_setting("omniglot-20way-5shot")
    execute(request("nearest-neighbour", setting=other, hooks=counting(done)), registry, drawings)
    assert done == list(range(1, ITERATIONS + 1))
    assert len(trainings()) == 1
    records = list(registry.records())
    assert sorted((each.setting, each.method) for each in records) == sorted(
        [
            *((SETTING.id, method) for method in ALL),
            *((other.id, method) for method in ("pretraining", "nearest-neighbour")),
        ]
    )
    assert len({each.provenance.weights_sha256 for each in records}) == 1
    assert len({each.key for each in records}) == 5
    assert {each.schedule.name for each in records} == {"shortened"}
    assert {each.curve for each in records} == {records[0].curve}
    assert {each.config.hidden for each in records} == {(8, 8, 8, 8)}


def test_the_pretraining_is_recorded_first_and_not_again(registry, drawings):
    first = execute(request("nearest-neighbour"), registry, drawings)
    assert [each.method for _, each in first.written] == ["pretraining", "nearest-neighbour"]
    again = execute(request("pretraining"), registry, drawings)
    assert (len(again.standing), again.written) == (1, [])
    # A record stands, but the weights are no longer there: they are trained again.
    trainings()[0].unlink()
    done: list[int] = []
    outcome = execute(request("fine-tuning", hooks=counting(done)), registry, drawings)
    assert len(done) == ITERATIONS
    assert [each.method for _, each in outcome.written] == ["fine-tuning"]


def test_a_record_of_fine_tuning_tells_what_was_chosen_once_for_all_protocols(
    registry, drawings, monkeypatch
):
    protocol = request("fine-tuning").protocols[0]
    more = msgspec.structs.replace(protocol, name="more", n_query=3)
    select, calls = FineTuning.select, []

    def counted(*arguments):
        calls.append(1)
        return select(*arguments)

    monkeypatch.setattr(FineTuning, "select", counted)
    outcome = execute(request("fine-tuning", protocols=(protocol, more)), registry, drawings)
    chosen = [each.selected for _, each in outcome.written if each.method == "fine-tuning"]
    assert len(chosen) == 2
    assert chosen[0] == chosen[1]
    assert set(chosen[0]) == {"step_size", "decay"}
    assert len(calls) == 1


def test_options_of_a_method_that_another_trains_for_do_not_train_again(registry, drawings):
    done: list[int] = []
    own = {"updates": 1, "step_sizes": (0.1,)}
    for options in ({}, own):
        asked = request("fine-tuning", options=options, hooks=counting(done))
        assert not execute(asked, registry, drawings).failures
    assert len(done) == ITERATIONS
    assert len(trainings()) == 1
    found = [each for each in registry.records() if each.method == "fine-tuning"]
    plain, ours = sorted(found, key=lambda each: each.provenance.changed_options)
    assert ours.provenance.changed_options == ("updates", "step_sizes")
    # Where the schedule gives other defaults, only what is set differs from them.
    assert ours.options == plain.options | {"updates": 1, "step_sizes": [0.1]}
    assert ours.key != plain.key
    assert ours.provenance.weights_sha256 == plain.provenance.weights_sha256
    assert ours.selected["step_size"] == 0.1


def test_an_option_that_changes_a_shared_training_is_trained_by_itself(
    registry, drawings, monkeypatch
):
    monkeypatch.setattr(LinearHead, "training_options", frozenset({"l2"}))
    done: list[int] = []
    for options in ({}, {"l2": 0.5}):
        execute(request("pretraining", options=options, hooks=counting(done)), registry, drawings)
    # Whom it trains for has the default one.
    execute(request("nearest-neighbour", hooks=counting(done)), registry, drawings)
    assert len(done) == 2 * ITERATIONS
    assert len(trainings()) == 2
    plain, ours, neighbour = (
        next(each for each in registry.records() if (each.method, each.options) == wanted)
        for wanted in (
            ("pretraining", {"l2": 1.0}),
            ("pretraining", {"l2": 0.5}),
            ("nearest-neighbour", {}),
        )
    )
    names = [trained_as(each).name for each in (plain, ours, neighbour)]
    assert names[0] == names[2] != names[1]
    assert {path.parent.name for path in trainings()} == set(names)


def test_a_stopped_pretraining_ends_in_the_same_weights(registry, drawings, monkeypatch, tmp_path):
    seeds = (0, 1)
    execute(request("nearest-neighbour", seeds=seeds), registry, drawings)
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "another"))
    other = Registry(tmp_path / "others")
    asked = iter([None] * 3)
    hooks = Hooks(stop=lambda: next(asked, "a signal"))
    with pytest.raises(Stopped):
        execute(request("nearest-neighbour", seeds=seeds, hooks=hooks), other, drawings)
    assert list(other.records()) == []
    done: list[int] = []
    execute(request("fine-tuning", seeds=seeds, hooks=counting(done)), other, drawings)
    execute(request("nearest-neighbour", seeds=seeds, hooks=counting(done)), other, drawings)
    assert done == [5, 6]

    def results(registry):
        return {
            (each.method, each.seed): (each.provenance.weights_sha256, each.per_task, each.curve)
            for each in registry.records()
            if each.method != "fine-tuning"
        }

    assert results(other) == results(registry)
    resumes = {each.method: each.timing.resumes for each in other.records()}
    assert resumes["pretraining"] == 1


def test_who_wants_a_pretraining_that_is_under_way_waits_for_it(registry, drawings, caplog):
    execute(request("pretraining"), registry, drawings)
    (checkpoint,) = trainings()
    checkpoint.unlink()
    caplog.set_level("INFO")
    lock = FileLock(checkpoint.parent / ".lock", thread_local=False)
    lock.acquire()
    release = threading.Thread(target=lambda: (time.sleep(1.3), lock.release()))
    release.start()
    outcome = execute(request("nearest-neighbour"), registry, drawings)
    release.join()
    assert len(outcome.written) == 1
    assert "waiting" in caplog.text


def test_nobody_waits_for_a_pretraining_that_is_done(registry, drawings):
    execute(request("pretraining"), registry, drawings)
    with FileLock(trainings()[0].parent / ".lock"):
        assert len(execute(request("nearest-neighbour"), registry, drawings).written) == 1


def test_two_processes_do_not_score_the_same(registry, drawings):
    execute(request("pretraining"), registry, drawings)
    execute(request("nearest-neighbour"), Registry(registry.root / "other"), drawings)
    (lock,) = trainings()[0].parent.glob(".lock-*")
    stopped = Hooks(stop=lambda: "enough")
    with FileLock(lock), pytest.raises(Stopped, match="enough"):
        execute(request("nearest-neighbour", hooks=stopped), registry, drawings)


def test_who_waits_can_be_stopped(registry, drawings):
    execute(request("pretraining"), registry, drawings)
    folder = trainings()[0].parent
    trainings()[0].unlink()
    with FileLock(folder / ".lock"), pytest.raises(Stopped, match="enough"):
        execute(request("fine-tuning", hooks=Hooks(stop=lambda: "enough")), registry, drawings)


def test_the_name_of_a_method_means_what_its_setting_says():
    assert isinstance(method_of(SETTING, "pretraining"), LinearHead)
    assert method_of(get_setting("sinusoid"), "pretraining").name == "pretraining"
    for setting, name in itertools.product(("glyphs-5way-1shot", "omniglot-5way-5shot-mlp"), ALL):
        method_of(get_setting(setting), name)


@pytest.mark.data
@pytest.mark.slow
def test_a_short_pretraining_on_omniglot_is_far_above_chance(registry, omniglot_root):
    data = load_image_data("omniglot", root=omniglot_root)
    protocol = SETTING.recipe("pretraining").protocols[0]
    short = {
        "config": SETTING.recipe("pretraining").config,
        "schedule": SETTING.schedule(100, "pretraining"),
        "protocols": (msgspec.structs.replace(protocol, tasks=100),),
    }
    for name in ALL:
        assert not execute(request(name, **short), registry, data).failures
    accuracy = {each.method: each.metrics["accuracy"].mean for each in registry.records()}
    assert accuracy["pretraining"] > 0.4
    assert accuracy["nearest-neighbour"] > 0.4
    assert accuracy["fine-tuning"] > 0.25  # two updates only
