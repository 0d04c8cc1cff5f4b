"""The fastest way to compute blocks is found by timing, held to the first one, and kept."""

from dataclasses import replace

import msgspec
import pytest
import torch

from baselines.fomaml import Fomaml
from baselines.maml import Maml
from suite.data.synthetic import random_batch
from suite.inner.learner import initial_learner
from suite.models import build_network, without_head
from suite.models.network import Ways
from suite.outer.choice import Chooser
from suite.settings import get_setting

CPU = torch.device("cpu")
CONFIG = get_setting("glyphs-5way-1shot").config
SMALL = {"hidden": (4, 4), "tasks_per_batch": 3, "inner_steps": 2}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path))
    return tmp_path


def chooser(order="maml", seeds=2, **changes):
    config = msgspec.structs.replace(CONFIG, **(SMALL | changes))
    learner = initial_learner(config, build_network(config), CPU, seeds)
    objective = {"maml": Maml, "fomaml": Fomaml}[order]().objective
    made = Chooser(objective=objective, order=order, learner=learner, device=CPU, first="separate")
    return made, random_batch(config, CPU, seeds)


def timed(monkeypatch, **seconds):
    """Let these be the times; the list grows by one at each timing."""
    times = []

    def instead(self, batch):
        times.append(1)
        return {name.replace("_", "-"): each for name, each in seconds.items()}

    monkeypatch.setattr(Chooser, "_timed", instead)
    return times


@pytest.mark.parametrize("network", ["conv-stride", "conv-pool"])
@pytest.mark.parametrize("order", ["maml", "fomaml"])
def test_every_way_of_a_cpu_is_timed_and_agrees(order, network):
    made, batch = chooser(order, network=network)
    seconds = made._timed(batch)
    assert seconds
    assert set(seconds) <= {"separate", "grouped", "products"}
    assert all(each > 0 for each in seconds.values())
    assert all(made._agrees(way, batch) for way in made.learner.network.ways)


def test_the_fastest_is_chosen_and_kept(monkeypatch):
    made, batch = chooser()
    times = timed(monkeypatch, separate=3.0, grouped=1.0, products=2.0)
    assert [made.fastest(batch) for _ in range(3)] == ["grouped"] * 3
    assert len(times) == 1


@pytest.mark.parametrize("other", [{"order": "fomaml"}, {"seeds": 1}, {"hidden": (4, 5)}])
def test_what_is_kept_is_of_one_case(other, monkeypatch):
    made, batch = chooser()
    times = timed(monkeypatch, separate=1.0, grouped=2.0)
    made.fastest(batch)
    another, batch = chooser(**other)
    another.fastest(batch)
    assert len(times) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"way": "another"}', '{"way": 3}'])
def test_what_is_kept_and_damaged_is_found_anew(text, cache, monkeypatch):
    made, batch = chooser()
    times = timed(monkeypatch, separate=2.0, grouped=1.0)
    made.fastest(batch)
    (path,) = (cache / "ways").iterdir()
    path.write_text(text)
    assert made.fastest(batch) == "grouped"
    assert len(times) == 2


def test_where_nothing_can_be_kept_it_is_found_each_time(cache, monkeypatch):
    (cache / "ways").write_text("a file where a folder should be")
    made, batch = chooser()
    times = timed(monkeypatch, separate=2.0, grouped=1.0)
    assert [made.fastest(batch) for _ in range(2)] == ["grouped"] * 2
    assert len(times) == 2


def test_a_way_with_another_gradient_is_not_used(monkeypatch, caplog):
    made, batch = chooser()
    ways = dict(made.learner.network.ways)
    right = ways["grouped"].forward
    ways["grouped"] = replace(ways["grouped"], forward=lambda *args: right(*args) * 1.001)
    network = made.learner.network
    network = replace(network, alternatives=Ways(of=network.forward, networks=ways))
    made = replace(made, learner=replace(made.learner, network=network))
    timed(monkeypatch, grouped=1.0, products=2.0, separate=3.0)
    assert made.fastest(batch) == "products"
    assert "the gradient of the way grouped is off by" in caplog.text


def test_where_nothing_could_be_timed_the_first_way_is_taken(monkeypatch):
    made, batch = chooser()
    timed(monkeypatch)
    assert made.fastest(batch) == "separate"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_all_ways_are_timed_in_graphs():
    made, batch = chooser()
    device = torch.device("cuda")
    params = {n: v.detach().to(device).requires_grad_() for n, v in made.learner.params.items()}
    made = replace(made, learner=replace(made.learner, params=params), device=device)
    seconds = made._timed(batch.changed(lambda value: value.to(device)))
    assert set(seconds) == set(made.learner.network.ways)


def test_what_a_method_changes_of_its_network_stays_by_any_way():
    head = ("head.weight", "head.bias")
    anil = replace(build_network(CONFIG), adapted=head)
    body = without_head(build_network(CONFIG))
    assert set(anil.ways) == set(body.ways) == {*build_network(CONFIG).ways}
    weights = body.initial(torch.Generator().manual_seed(0))
    stacked = {name: value[None] for name, value in weights.items()}
    images = torch.rand(1, 3, 1, 28, 28)
    for way in anil.ways:
        assert anil.by_way(way).adapted == head
        seen = body.by_way(way)
        assert seen.initial(torch.Generator().manual_seed(0)).keys() == weights.keys()
        torch.testing.assert_close(
            seen.forward(seen.arranged(stacked), images), body.forward(stacked, images)
        )


def test_a_network_with_a_forward_pass_of_its_own_has_no_other_ways():
    network = build_network(CONFIG)
    own = replace(network, forward=lambda params, x, *, statistics=None: network.forward(params, x))
    assert network.ways
    assert not own.ways
