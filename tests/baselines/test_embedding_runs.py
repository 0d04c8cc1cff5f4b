"""Systems that train an embedding, from request to record: they learn, and go on exactly."""

from dataclasses import replace

import msgspec
import pytest
import torch

from baselines import method_of
from baselines.matching_networks import MatchingNetworks
from baselines.matching_ravi import RaviMatching
from baselines.siamese_nets import SiameseNets
from suite.data.images import load_image_data
from suite.errors import Stopped
from suite.inner.learner import Learner
from suite.outer.engine import Engine
from suite.outer.snapshot import initial as initial_of
from suite.outer.state import stack, unstack
from suite.registry import Registry
from suite.run.execute import execute
from suite.run.request import Request
from suite.run.train import Hooks, train
from suite.settings import Schedule
from tests.baselines.embedding_cases import GLYPHS, config_for, learner_for, random_tasks

METHODS = [MatchingNetworks(), RaviMatching(), SiameseNets()]
NAMES = [method.name for method in METHODS]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def glyphs():
    return load_image_data("glyphs", root=None)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path, suite_cache):
    # Decoded glyphs stay where they are; trainings do not.
    monkeypatch.setattr("suite.run.resume.cache_dir", lambda: tmp_path)


def request(name: str, iterations: int, *, seeds=(0,), hooks=None, **changes) -> Request:
    recipe = GLYPHS.recipe(name)
    protocol = msgspec.structs.replace(recipe.protocols[0], tasks=60)
    return Request(
        setting=GLYPHS,
        method=name,
        seeds=seeds,
        config=msgspec.structs.replace(recipe.config, **changes),
        schedule=GLYPHS.schedule(iterations, name),
        protocols=(protocol,),
        device=CPU,
        hooks=hooks or Hooks(),
    )


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_on_glyphs(name, glyphs, tmp_path):
    # A tenth of the full step size is for long trainings.
    lr = {"meta_lr": 0.001} if name == "matching-networks-ravi" else {}
    asked = request(name, 200, hidden=(16, 16, 16, 16), **lr)
    ((_, record),) = execute(asked, Registry(tmp_path / "results"), glyphs).written
    assert record.metrics["accuracy"].mean > 0.5  # chance is 0.2
    assert record.schedule.name == "shortened"


@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_training_ends_in_the_same_weights(name, glyphs, tmp_path):
    small = {"hidden": (4, 4, 4, 4)}
    ((_, whole),) = execute(request(name, 6, **small), Registry(tmp_path / "a"), glyphs).written
    asked = iter([None] * 2)
    hooks = Hooks(stop=lambda: next(asked, "enough"))
    elsewhere = {"checkpoints": tmp_path / "checkpoints"}
    stopped = replace(request(name, 6, hooks=hooks, **small), **elsewhere)
    registry = Registry(tmp_path / "b")
    with pytest.raises(Stopped):
        execute(stopped, registry, glyphs)
    again = replace(request(name, 6, **small), **elsewhere)
    ((_, resumed),) = execute(again, registry, glyphs).written
    assert resumed.timing.resumes == 1
    assert resumed.provenance.weights_sha256 == whole.provenance.weights_sha256
    assert (resumed.per_task, resumed.curve) == (whole.per_task, whole.curve)


class Repeated:
    """A stream whose batches are those of `batches`, of the seeds at `places`."""

    def __init__(self, batches, seeds, places):
        self._batches, self._seeds, self._places = batches, seeds, places
        self.keys = tuple(places)

    def batch(self, start, *shape):
        whole = self._batches[start % len(self._batches)]
        return whole.changed(
            lambda each: each.unflatten(0, (self._seeds, -1))[self._places].flatten(0, 1)
        )


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_a_seed_in_company_is_the_seed_alone(method):
    """Float64, three iterations."""
    config = config_for(method, k_shot=2, n_query=2, tasks_per_batch=1, meta_lr=0.01)
    learner = learner_for(method, config, seeds=2)
    batches = [random_tasks(config, tasks=2, seed=30 + number) for number in range(3)]
    schedule = Schedule(name="shortened", iterations=3, validate_every=3)

    def trained(places):
        start = [{n: v[p].detach() for n, v in learner.params.items()} for p in places]
        state = stack([initial_of(each) for each in start], config, CPU)
        stream = Repeated(batches, 2, places)
        own = Learner(config=config, network=learner.network, params=state.params)
        train(method, own, schedule, (stream, stream), state, Hooks(), Engine(kind="eager"))
        return unstack(state)

    together = trained([0, 1])
    for place in (0, 1):
        (alone,) = trained([place])
        for name, value in alone.params.items():
            torch.testing.assert_close(together[place].params[name], value, rtol=1e-9, atol=1e-11)
        assert together[place].history.curve == [pytest.approx(alone.history.curve[0])]


@pytest.mark.parametrize("name", NAMES)
def test_its_class_goes_by_its_name(name):
    assert method_of(GLYPHS, name) == METHODS[NAMES.index(name)]
