"""Scoring: in parts whose size changes no digit, within bounds, and stopped without a loss."""

import msgspec
import pytest
import torch

from baselines import method_of
from suite.data.source import task_source
from suite.errors import Stopped
from suite.inner.learner import Learner
from suite.inner.parts import parts, tasks_at_once
from suite.rng import generator
from suite.run import evaluate as scoring
from suite.run.evaluate import Watch, evaluate
from suite.run.partial import Kept, PartialScore
from suite.settings import SETTINGS, get_setting

CPU = torch.device("cpu")
WHOSE = {"key": "a", "weights_sha256": "b", "device": "cpu"}
SINUSOID = get_setting("sinusoid")
PROTOCOL = msgspec.structs.replace(SINUSOID.protocols[0], tasks=42, steps=2, report_step=1)


def score(watch=None):
    method, config = method_of(SINUSOID, "maml"), SINUSOID.config
    network = method.network(config, 0)
    drawn = network.initial(generator(0, "initial weights"))
    params = {name: value[None] for name, value in drawn.items()}
    learner = Learner(config=config, network=network, params=params)
    test = task_source(config, (0,), CPU, None).stream("test", [0])
    return evaluate(method, learner, test, PROTOCOL, {"kept": 1.0}, watch)


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(scoring, "tasks_at_once", lambda *_: 9)


def test_the_size_of_parts_changes_no_digit(monkeypatch):
    whole = score()
    assert whole.shape == (3, 42)
    for at_once in (8, 13, 20, 42):
        monkeypatch.setattr(scoring, "tasks_at_once", lambda *_, count=at_once: count)
        assert torch.equal(score(), whole)


@pytest.mark.parametrize("tasks", [1, 7, 8, 9, 33, 600, 6000])
@pytest.mark.parametrize("least", [4, 9, 50])
def test_parts_follow_one_another_and_none_is_small(tasks, least):
    found = list(parts(tasks, least))
    assert [start for start, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == tasks
    sizes = [end - start for start, end in found]
    assert min(sizes) >= min(tasks, least)
    assert max(sizes) <= min(sizes) + 1 or len(sizes) == 1
    assert max(sizes) < 2 * least


def test_memory_is_bounded_by_the_shapes():
    for setting in SETTINGS.values():
        if setting.config.problem != "classification":
            continue
        for protocol in setting.all_protocols:
            count = tasks_at_once(setting.config, protocol.k_shot + protocol.n_query, CPU)
            assert 4 <= count <= 50
    mini = get_setting("miniimagenet-5way-1shot")
    assert tasks_at_once(mini.config, 1 + 15, CPU) == 4
    assert tasks_at_once(mini.config, 1 + 15, torch.device("cuda")) > 4


def test_a_stopped_score_goes_on_where_it_was(tmp_path, small_parts):
    whole, told = score(), []
    kept = PartialScore(path=tmp_path / "score.pt", **WHOSE)
    asked = iter([None, None, None])
    watch = Watch(
        stop=lambda: next(asked, "a signal"),
        progress=lambda done, tasks: told.append((done, tasks)),
        partial=kept,
    )
    with pytest.raises(Stopped, match="a signal"):
        score(watch)
    assert kept.kept().selected == {"kept": 1.0}
    before = list(told)
    assert before[-1][0] < 42
    going_on = Watch(progress=lambda done, tasks: told.append((done, tasks)), partial=kept)
    assert torch.equal(score(going_on), whole)
    # No task was scored twice.
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (42, 42)


@pytest.mark.parametrize("change", ["key", "weights", "damage", "truncate", "type", "device"])
def test_a_partial_score_of_other_weights_or_a_damaged_one_is_begun_anew(
    tmp_path, small_parts, change, caplog
):
    path = tmp_path / "score.pt"
    kept = PartialScore(path=path, **WHOSE)
    kept.save(Kept(selected={}, scores=[torch.zeros(3, 9, dtype=torch.float64)]))
    assert kept.kept().scores[0].shape == (3, 9)
    if change == "damage":
        path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    elif change == "truncate":
        path.write_bytes(b"")
    elif change == "type":
        kept.save(Kept(selected={}, scores=[torch.zeros(9)]))
    named = {"key": "key", "weights": "weights_sha256", "device": "device"}
    other = {named[change]: "c"} if change in named else {}
    found = PartialScore(path=path, **(WHOSE | other))
    assert found.kept() == Kept()
    assert "partial score" in caplog.text
