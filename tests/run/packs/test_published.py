"""Published weights of images: scored to the last digit elsewhere, and never trained on."""

from dataclasses import replace

import msgspec
import pytest
import torch

from baselines.fine_tuning import FineTuning
from suite.registry import Registry
from suite.registry.published import published
from suite.run.execute import execute
from suite.run.packs.published import (
    TooLarge,
    publish,
    read_weights,
    scoring_checkpoints,
    trained_network,
)
from suite.run.request import Request
from suite.run.train import Hooks
from suite.settings import get_setting
from suite.settings.protocols import protocols_by_name

SETTING = get_setting("omniglot-5way-1shot")
QUICK = {"step_sizes": (0.1, 0.01), "decays": (0.0,), "updates": 2, "validation_tasks": 3}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(FineTuning, "on", lambda self, _: FineTuning(**QUICK))


def request(method, iterations=7, **changes):
    config = msgspec.structs.replace(SETTING.recipe(method).config, hidden=(8, 8, 8, 8))
    if method != "maml":
        config = msgspec.structs.replace(config, images_per_batch=16)
    own = SETTING.recipe(method).protocols
    best = protocols_by_name(SETTING, method)["best-validation"]
    values = {
        "setting": SETTING,
        "method": method,
        "seeds": (0,),
        "config": config,
        "schedule": msgspec.structs.replace(SETTING.schedule(iterations, method), validate_every=3),
        "protocols": tuple(msgspec.structs.replace(each, tasks=8) for each in (*own, best)),
        "device": torch.device("cpu"),
    }
    return Request(**(values | changes))


@pytest.fixture
def registry(tmp_path, runs):
    return Registry(tmp_path / "results")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Go to another machine."""
    return lambda: monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "elsewhere"))


def again(record, registry, images, tmp_path):
    """The record of the same protocol that published weights give."""
    wanted = replace(
        request(record.method),
        protocols=(record.protocol,),
        trains=False,
        scored_as=record,
        checkpoints=scoring_checkpoints(record, registry),
    )
    outcome = execute(wanted, Registry(tmp_path / f"again-{record.key}"), images)
    return next(each for _, each in outcome.written if each.key == record.key)


@pytest.mark.parametrize("method", ["maml", "pretraining", "fine-tuning"])
def test_every_record_comes_again_to_the_last_digit(
    method, registry, drawings, elsewhere, tmp_path
):
    records = [each for _, each in execute(request(method), registry, drawings).written]
    paths = {path for each in records for path in publish(each, registry.root)}
    # The last weights and the best ones, whatever they are scored by.
    assert len(paths) == 2
    assert all(path.stat().st_size < 100_000 for path in paths)
    elsewhere()
    for record in records:
        found = again(record, registry, drawings, tmp_path)
        assert found.per_task == record.per_task
        assert found.curve == record.curve
        assert found.selected == record.selected
        assert found.provenance.weights_sha256 == record.provenance.weights_sha256
        assert found.provenance.best_weights_sha256 == record.provenance.best_weights_sha256
        assert found.provenance.training_commits == record.provenance.training_commits
        assert found.timing.train_seconds == record.timing.train_seconds


def test_nothing_is_trained_from_published_weights(registry, drawings, elsewhere, tmp_path):
    (record, *_) = [each for _, each in execute(request("maml"), registry, drawings).written]
    publish(record, registry.root)
    elsewhere()
    again(record, registry, drawings, tmp_path)
    done: list[int] = []
    hooks = Hooks(progress=lambda state: done.append(state.iteration))
    longer = request("maml", iterations=9, protocols=(record.protocol,), hooks=hooks)
    execute(longer, registry, drawings)
    assert done == list(range(1, 10))


def test_weights_of_the_cache_are_taken_where_they_are_the_records(registry, drawings, elsewhere):
    (record, *_) = [each for _, each in execute(request("maml"), registry, drawings).written]
    assert scoring_checkpoints(record, registry) is None
    publish(record, registry.root)
    assert scoring_checkpoints(record, registry) is None
    elsewhere()
    assert scoring_checkpoints(record, registry) is not None


def test_a_network_of_its_own_code_gives_what_the_weights_say(registry, drawings):
    (record, *_) = [each for _, each in execute(request("pretraining"), registry, drawings).written]
    publish(record, registry.root)
    assert publish(record, registry.root) == []
    network, weights = trained_network(registry.path(record))
    classes = len(weights["head.bias"][0])
    assert network.forward(weights, torch.zeros(1, 3, 1, 28, 28)).shape == (1, 3, classes)
    sha256 = record.provenance.weights_sha256
    (name,) = (each for each in published(registry.root).values() if sha256[:12] in each)
    plain = read_weights(registry.root / name, sha256)
    assert all(torch.equal(weights[key][0], value) for key, value in plain.items())


def test_what_is_too_large_is_not_published(registry, drawings, monkeypatch):
    (record, *_) = [each for _, each in execute(request("maml"), registry, drawings).written]
    monkeypatch.setattr("suite.run.packs.published.MOST_BYTES", 1000)
    with pytest.raises(TooLarge, match="MB, more than the"):
        publish(record, registry.root)
    assert published(registry.root) == {}
