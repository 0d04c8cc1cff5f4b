"""The example methods, each trained for a moment."""

import dataclasses

import pytest
import torch
from msgspec.structs import replace

from baselines import method_of
from baselines.fomaml import Fomaml
from baselines.maml import Maml
from suite.data.images import load_image_data
from suite.data.source import task_source
from suite.errors import UsageError
from suite.inner.learner import initial_learner
from suite.outer.gradient import meta_gradient
from suite.registry import Registry
from suite.run.execute import execute
from suite.run.request import Request
from suite.run.train import Hooks, Stopped
from suite.settings import METHODS, MethodEntry, get_setting

CPU = torch.device("cpu")
GLYPHS, SINUSOID = get_setting("glyphs-5way-1shot"), get_setting("sinusoid")
EXAMPLES = {
    "anil": "examples.anil.Anil",
    "reptile": "examples.reptile.Reptile",
    "prototypical-networks": "examples.prototypical_networks.PrototypicalNetworks",
}


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    for name, path in EXAMPLES.items():
        monkeypatch.setitem(METHODS, name, MethodEntry(regression=path, classification=path))


@pytest.fixture(scope="module")
def glyphs():
    return load_image_data("glyphs", root=None)


def request(setting, method, iterations, *, test_way=None, hooks=None, **changes):
    protocol = replace(setting.protocols[0], tasks=40, n_way=test_way)
    return Request(
        setting=setting,
        method=method,
        seeds=(0,),
        config=replace(setting.config, **changes),
        schedule=setting.schedule(iterations, method),
        protocols=(protocol,),
        device=CPU,
        hooks=hooks or Hooks(),
    )


def recorded(asked, folder, images):
    ((_, record),) = execute(asked, Registry(folder), images).written
    return record


SMALL = {"hidden": (16, 16, 16, 16), "tasks_per_batch": 4}


@pytest.mark.parametrize(
    ("method", "iterations", "changes"),
    [
        ("anil", 120, {"tasks_per_batch": 8}),
        ("reptile", 40, {"n_query": 5, "inner_lr": 0.1}),
        ("prototypical-networks", 40, {"n_way": 20}),
    ],
)
def test_an_example_learns_and_is_recorded(tmp_path, glyphs, method, iterations, changes):
    asked = request(GLYPHS, method, iterations, test_way=5, **SMALL | changes)
    record = recorded(asked, tmp_path / "results", glyphs)
    assert record.metrics["accuracy"].mean > 0.4  # chance is 0.2
    assert record.protocol.n_way == 5
    assert record.config.n_way == changes.get("n_way", 5)
    assert len(record.per_task["accuracy"][0]) == 40


def test_anil_differs_from_maml_in_the_inner_loop_alone():
    method = method_of(SINUSOID, "anil")
    network = method.network(SINUSOID.config, 0)
    assert network.adapted == ("head.weight", "head.bias")
    assert set(network.initial(torch.Generator())) > set(network.adapted)


def test_reptile_steps_to_where_the_tasks_led_ever_less_far(tmp_path):
    method = method_of(SINUSOID, "reptile")
    config = replace(SINUSOID.config, tasks_per_batch=3)
    learner = initial_learner(config, method.network(config, 0), CPU)
    stream = task_source(config, (0,), CPU, None).streams("train")
    batch = stream.batch(0, 3, config.k_shot, config.n_query)
    found = meta_gradient(method.objective, learner, batch)
    start = {name: value.repeat_interleave(3, 0) for name, value in learner.params.items()}
    adapted, _ = method._adapted(learner, start, batch)
    for name, value in learner.params.items():
        expected = value[0] - adapted[name].mean(0)
        torch.testing.assert_close(found.gradients[name][0], expected)
    assert [method.meta_lr(config, done) for done in (0.0, 0.5, 0.75)] == [1.0, 0.5, 0.25]


def test_reptile_goes_on_from_its_checkpoint_exactly(tmp_path):
    changes = {"tasks_per_batch": 3, "hidden": (8, 8)}
    whole = recorded(request(SINUSOID, "reptile", 30, **changes), tmp_path / "whole", None)
    calls = iter([None] * 11 + ["enough"])
    again = dataclasses.replace(
        request(SINUSOID, "reptile", 30, hooks=Hooks(stop=lambda: next(calls)), **changes),
        checkpoints=tmp_path / "again",
    )
    with pytest.raises(Stopped):
        execute(again, Registry(tmp_path / "resumed"), None)
    resumed = recorded(dataclasses.replace(again, hooks=Hooks()), tmp_path / "resumed", None)
    assert resumed.timing.resumes == 1
    assert resumed.per_task == whole.per_task
    assert resumed.provenance.weights_sha256 == whole.provenance.weights_sha256


def test_a_training_whose_steps_depend_on_its_length_begins_with_no_shorter_one(tmp_path):
    changes = {"tasks_per_batch": 3, "hidden": (8, 8)}
    registry = tmp_path / "results"
    recorded(request(SINUSOID, "reptile", 20, **changes), registry, None)
    longer = recorded(request(SINUSOID, "reptile", 40, **changes), registry, None)
    elsewhere = dataclasses.replace(
        request(SINUSOID, "reptile", 40, **changes), checkpoints=tmp_path / "checkpoints"
    )
    alone = recorded(elsewhere, tmp_path / "alone", None)
    assert longer.provenance.weights_sha256 == alone.provenance.weights_sha256
    assert longer.timing.resumes == 0


@pytest.mark.parametrize("method", [Maml(), Fomaml()])
def test_a_method_with_a_head_is_not_scored_on_other_ways(method):
    protocol = replace(GLYPHS.protocols[0], n_way=3)
    with pytest.raises(UsageError, match="5-way tasks, as it is trained"):
        method.check_protocol(GLYPHS.config, protocol)


def test_outputs_of_its_own_say_nothing_of_the_statistics_of_the_base_class():
    class Own(Maml):
        def by_step(self, learner, batch, steps, selected):
            yield batch.query_x

    protocol = replace(GLYPHS.protocols[0], batch_norm="support-statistics")
    Maml().check_protocol(GLYPHS.config, protocol)
    with pytest.raises(UsageError, match="does not normalise queries by support-statistics"):
        Own().check_protocol(GLYPHS.config, protocol)
