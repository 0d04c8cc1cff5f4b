"""A training that another machine left unfinished goes on here, to the last bit."""

from dataclasses import replace

import msgspec
import pytest
import torch

from suite.errors import UsageError
from suite.outer.engine import Engine
from suite.registry import Registry
from suite.run.execute import execute
from suite.run.packs.archive import write_pack
from suite.run.packs.trainings import saved_in
from suite.run.packs.unfinished import FOLDER, done, packs_in, put, take_in
from suite.run.request import Request
from suite.run.train import Hooks, Stopped
from suite.settings import get_setting
from tests.run.packs.made_trainings import NAME, save, snapshot, training

ITERATIONS, HALF = 24, 13


def request(setting_id, **changes):
    setting = get_setting(setting_id)
    config = setting.config
    if setting_id != "sinusoid":
        config = msgspec.structs.replace(config, hidden=(8,) * len(config.hidden))
    schedule = setting.schedule(ITERATIONS, "maml")
    values = {
        "setting": setting,
        "method": "maml",
        "seeds": (0,),
        "config": config,
        "schedule": msgspec.structs.replace(schedule, validate_every=5),
        "protocols": (msgspec.structs.replace(setting.protocols[0], tasks=8),),
        "device": torch.device("cpu"),
        # Each cache here would time which way is the fastest, and ways differ by rounding.
        "engine": Engine(kind="eager"),
    }
    return Request(**(values | changes))


def stopping():
    """Hooks that stop after half of the iterations."""
    at = []
    return Hooks(
        progress=lambda state: at.append(state.iteration),
        stop=lambda: "half" if len(at) == HALF else None,
    )


@pytest.mark.parametrize("setting_id", ["sinusoid", "omniglot-5way-1shot"])
def test_it_goes_on_from_the_registry_to_the_same_record(
    setting_id, tmp_path, monkeypatch, drawings, caplog
):
    caplog.set_level("INFO")
    images = None if setting_id == "sinusoid" else drawings

    def on(machine):
        monkeypatch.setenv("SUITE_CACHE", str(tmp_path / machine))
        return tmp_path / machine / "runs"

    on("whole")
    ((_, whole),) = execute(
        request(setting_id), Registry(tmp_path / "whole-results"), images
    ).written
    registry = Registry(tmp_path / "results")
    half = on("first")
    with pytest.raises(Stopped):
        execute(request(setting_id, hooks=stopping()), registry, images)
    ((path, _),) = put(registry.root, saved_in(half))
    on("second")
    done_here = []
    hooks = Hooks(progress=lambda state: done_here.append(state.iteration))
    ((_, record),) = execute(request(setting_id, hooks=hooks), registry, images).written
    assert done_here == list(range(HALF + 1, ITERATIONS + 1))
    assert f"goes on from {path}, which is at iteration {HALF} of {ITERATIONS}" in caplog.text
    assert record.per_task == whole.per_task
    assert record.curve == whole.curve
    assert record.provenance.weights_sha256 == whole.provenance.weights_sha256
    assert record.provenance.best_weights_sha256 == whole.provenance.best_weights_sha256
    assert [each.path for each in done(packs_in(registry.root), registry.records())] == [path]


def test_only_what_is_further_is_taken_and_only_where_something_trains(runs, tmp_path):
    results = tmp_path / "results"
    save(tmp_path / "there", snapshot(20))
    put(results, saved_in(tmp_path / "there"))
    folder = save(runs, snapshot(30))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    take_in(results, training(), folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    other = replace(training(), name="f" * 12)
    take_in(results, other, runs / other.name)
    assert not (runs / other.name).exists()


def test_a_damaged_pack_stops_the_run(runs, tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / f"sinusoid-maml-seed-0-{NAME}.pack").write_bytes(b"PK")
    with pytest.raises(UsageError, match="is no sound pack"):
        take_in(tmp_path, training(), runs / NAME)


def test_a_pack_of_several_is_none_of_the_folder(runs, tmp_path):
    for seed in range(2):
        save(runs, snapshot(20, training(f"{seed}" * 12, seed), seed))
    path = tmp_path / FOLDER / f"sinusoid-maml-seed-0-{'0' * 12}.pack"
    write_pack(path, ((each.entry, each.files) for each in saved_in(runs)))
    with pytest.raises(UsageError, match="2 trainings and not one"):
        list(packs_in(tmp_path))


def test_the_furthest_stays_and_the_folder_is_bounded(runs, tmp_path, monkeypatch):
    for iteration, written in ((20, 1), (20, 0), (30, 1)):
        save(runs, snapshot(iteration))
        assert len(put(tmp_path, saved_in(runs))) == written
    save(tmp_path / "behind", snapshot(10))
    assert put(tmp_path, saved_in(tmp_path / "behind")) == []
    (found,) = packs_in(tmp_path)
    assert found.entry.iteration == 30
    save(runs, snapshot(20, training("f" * 12, 1), 1))
    monkeypatch.setattr("suite.run.packs.unfinished.MOST_BYTES", 60_000)
    with pytest.raises(UsageError, match="is kept under"):
        put(tmp_path, saved_in(runs))
    assert len(list(packs_in(tmp_path))) == 1


def test_the_registry_and_its_history_see_no_record_there(runs, tmp_path):
    save(runs, snapshot(20))
    put(tmp_path, saved_in(runs))
    assert Registry(tmp_path).paths() == []
    assert Registry(tmp_path).load() == []
