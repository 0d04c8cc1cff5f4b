"""When a job of a sweep is started."""

from pathlib import Path

import pytest

from suite.errors import RegistryError
from suite.launch.estimate import Speeds
from suite.launch.plans import Job
from suite.launch.sweep import conduct
from suite.launch.terms import Shared
from suite.registry import Registry

MAML, ORACLE = (
    Job(setting="sinusoid", method=method, seeds=(0, 1), iterations=3)
    for method in ("maml", "oracle")
)
TUNING, NEAREST = (
    Job(setting="omniglot-5way-1shot", method=method, seeds=(0,), iterations=3)
    for method in ("fine-tuning", "nearest-neighbour")
)


class Workers:
    """Any number of them, which end at once with the codes that a test gives."""

    def __init__(self, codes=()):
        self.codes, self.running, self.started = dict(codes), [], []

    def takes(self, job):
        return True

    def start(self, job, progress):
        self.started.append(job)
        self.running.append(job)

    def ended(self, seconds):
        while self.running:
            job = self.running.pop(0)
            yield job, self.codes.get(job, 0)

    def stop(self):
        pass


def shared(root: Path, budget: float | None = None, records=()) -> Shared:
    return Shared(Registry(root), {}, Speeds(records, "cpu: x"), budget)


def test_a_training_is_claimed_by_one_at_a_time(tmp_path):
    first, second = shared(tmp_path), shared(tmp_path)
    with first.claim(MAML):
        assert second.claim(MAML) is None
        with second.claim(ORACLE):
            assert first.claim(ORACLE) is None
        part = Job(setting="sinusoid", method="maml", seeds=(1, 2), iterations=3)
        assert second.claim(part) is None
    with second.claim(part):
        assert first.claim(MAML) is None
        # What could not be had whole is not kept in part.
        alone = Job(setting="sinusoid", method="maml", seeds=(0,), iterations=3)
        first.claim(alone).close()


def test_methods_that_share_a_training_wait_for_one_another(tmp_path):
    terms = shared(tmp_path)
    with terms.claim(TUNING):
        assert terms.claim(NEAREST) is None
    terms.claim(NEAREST).close()
    workers = Workers()
    events = list(conduct([TUNING, NEAREST, MAML], workers, terms, stop=lambda: None))
    assert workers.started == [TUNING, MAML, NEAREST]
    assert [event.what for event in events].count("done") == 3


def test_what_another_has_done_meanwhile_is_not_run(tmp_path, monkeypatch):
    terms = shared(tmp_path)
    monkeypatch.setattr(terms, "stands", lambda job: job == MAML)
    workers = Workers()
    events = list(conduct([MAML, ORACLE], workers, terms, stop=lambda: None))
    assert workers.started == [ORACLE]
    assert [event[:2] for event in events if event.job == MAML] == [(MAML, "done")]


def test_a_sweep_waits_for_what_another_is_at(tmp_path):
    other = shared(tmp_path)
    held = other.claim(MAML)
    workers, asked = Workers(), []

    def stop():
        asked.append(1)
        if len(asked) == 3:
            held.close()

    events = list(conduct([MAML], workers, shared(tmp_path), stop=stop))
    assert len(asked) >= 3
    assert [event.what for event in events] == ["running", "done"]


def test_nothing_is_started_that_would_not_end_within_the_budget(tmp_path):
    terms = shared(tmp_path, budget=100.0)
    takes = {MAML: 200.0, ORACLE: 50.0, TUNING: None}
    terms._speeds.seconds = lambda job, trained: takes[job]
    workers = Workers()
    events = list(conduct(list(takes), workers, terms, stop=lambda: None))
    assert workers.started == [ORACLE]
    assert {event.job for event in events if event.what == "left"} == {MAML, TUNING}


def test_a_training_that_is_done_is_not_paid_again(tmp_path):
    terms = shared(tmp_path, budget=100.0)
    terms._speeds.seconds = lambda job, trained: 10.0 if trained else 90.0
    assert terms.affordable(TUNING)
    terms._until -= 50.0
    assert not terms.affordable(NEAREST)
    terms.done(TUNING)
    assert terms.affordable(NEAREST)


def test_a_registry_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / ".sweep").write_text("")
    with pytest.raises(RegistryError, match=r"cannot write to .*claims"):
        shared(tmp_path).claim(MAML)


def test_a_damaged_record_does_not_stand(tmp_path):
    folder = tmp_path / "sinusoid" / "maml"
    folder.mkdir(parents=True)
    (folder / "seed-0-0123456789ab.json").write_text("{")
    assert not shared(tmp_path).stands(MAML)
