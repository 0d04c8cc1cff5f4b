"""From a request to records: what is written, what is not run again, what a failure leaves."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from filelock import FileLock

from baselines.maml import Maml
from baselines.pretraining import Pretraining
from baselines.step_size import STEP_SIZES
from suite.errors import CheckpointError, Stopped, UsageError
from suite.files import cache_dir
from suite.inner import trials
from suite.machine import environment
from suite.registry import Registry, training_key
from suite.run import checkpoint, evaluate
from suite.run import execute as runner
from suite.run import resume as runs
from suite.run.execute import execute
from suite.run.request import Request
from suite.run.resume import checkpoint_of
from suite.run.sealed import sealed, unsealed
from suite.run.train import Hooks
from suite.settings import METHODS, Protocol, get_setting

SETTING = get_setting("sinusoid")
ITERATIONS = 20


def small(protocol: Protocol) -> Protocol:
    return msgspec.structs.replace(protocol, tasks=30, steps=3, report_step=2)


PROTOCOLS = tuple(small(protocol) for protocol in SETTING.protocols)


def request(method: str = "maml", *, seeds=(0,), iterations=ITERATIONS, **changes) -> Request:
    trains = METHODS[method].trains
    values = {
        "setting": SETTING,
        "method": method,
        "seeds": seeds,
        "config": msgspec.structs.replace(SETTING.config, tasks_per_batch=4 if trains else 25),
        "schedule": SETTING.schedule(iterations if trains else 0),
        "protocols": PROTOCOLS[:1],
        "device": torch.device("cpu"),
    }
    return Request(**(values | changes))


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "results")


def run(registry: Registry, *args, **kwargs):
    return execute(request(*args, **kwargs), registry, None)


def trap() -> Hooks:
    """Hooks that fail the test when anything is trained."""

    def progress(state):
        pytest.fail(f"trained iteration {state.iteration}")

    return Hooks(progress=progress)


def without_circumstances(record) -> dict[str, object]:
    values = msgspec.to_builtins(record)
    weights = values.pop("provenance")["weights_sha256"]
    del values["timing"]
    return values | {"weights": weights}


def test_one_record_a_protocol(registry):
    outcome = run(registry, protocols=PROTOCOLS)
    assert outcome.standing == []
    assert [record.protocol.name for _, record in outcome.written] == [
        "5-shot",
        "10-shot",
        "20-shot",
    ]
    stored = {record.key: record for record in registry.records()}
    for path, record in outcome.written:
        assert path.exists()
        assert stored[record.key] == record
        assert (record.status, record.attempt, record.failure) == ("completed", 0, None)
        assert (record.schedule.name, record.schedule.iterations) == ("shortened", ITERATIONS)
        assert record.timing.train_seconds > 0
    # One model was trained and scored three times.
    assert len(stored) == 3
    assert len({record.provenance.weights_sha256 for record in stored.values()}) == 1


def test_metrics_follow_from_the_outcomes_of_the_tasks(registry):
    ((_, record),) = run(registry).written
    rows = np.array(record.per_task["mse"])
    metric = record.metrics["mse"]
    assert rows.shape == (4, 30)  # (step, task)
    reported = rows[record.protocol.report_step]
    assert metric.mean == pytest.approx(reported.mean(), rel=1e-12)
    assert metric.median == pytest.approx(np.median(reported), rel=1e-12)
    interval = 1.96 * reported.std() / math.sqrt(reported.size)
    assert metric.ci95_tasks == pytest.approx(interval, rel=1e-12)
    assert metric.by_step == pytest.approx(rows.mean(axis=1), rel=1e-12)
    assert metric.diverged == 0


def test_a_record_holds_curve_examples_and_versions(registry):
    ((_, record),) = run(registry).written
    assert [point.iteration for point in record.curve] == list(range(1, ITERATIONS + 1))
    assert [set(example.by_step) for example in record.examples] == [{"0", "1"}] * 2
    assert {"python", "torch", "higher"} <= set(record.provenance.versions)
    assert record.data.name == "sinusoid"
    assert record.data.split is None


def test_tasks_that_diverge_are_counted_and_have_no_mean(registry):
    config = msgspec.structs.replace(SETTING.config, inner_lr=1e30)
    ((_, record),) = run(registry, config=config, iterations=0).written
    metric = record.metrics["mse"]
    assert record.status == "completed"
    assert (metric.mean, metric.ci95_tasks) == (None, None)
    assert metric.diverged == record.per_task["mse"][2].count(None) > 0
    assert metric.by_step[0] is not None
    assert list(registry.records()) == [record]


def test_what_stands_is_not_run_again(registry):
    ((path, record),) = run(registry).written
    before = path.read_bytes()
    outcome = run(registry, hooks=trap())
    assert outcome.written == []
    assert outcome.standing == [record]
    assert path.read_bytes() == before
    assert registry.paths() == [path]


def test_a_rerun_keeps_both(registry):
    ((path, first),) = run(registry).written
    before = path.read_bytes()
    trained = []
    hooks = Hooks(progress=lambda state: trained.append(state.iteration))
    ((other, second),) = run(registry, rerun=True, hooks=hooks).written
    assert len(trained) == ITERATIONS  # not the checkpoint of the first
    assert path.read_bytes() == before
    assert set(registry.paths()) == {path, other}
    assert (first.attempt, second.attempt) == (0, 1)
    assert without_circumstances(second) | {"attempt": 0} == without_circumstances(first)


def test_another_protocol_does_not_train_again(registry):
    run(registry)
    outcome = run(registry, protocols=PROTOCOLS, hooks=trap())
    assert [record.protocol.name for record in outcome.standing] == ["5-shot"]
    assert [record.protocol.name for _, record in outcome.written] == ["10-shot", "20-shot"]
    weights = {record.provenance.weights_sha256 for record in registry.records()}
    assert len(weights) == 1


def test_the_same_request_gives_the_same_record_elsewhere(registry, monkeypatch, tmp_path):
    ((_, first),) = run(registry).written
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "another cache"))
    ((_, second),) = run(Registry(tmp_path / "other results")).written
    assert without_circumstances(second) == without_circumstances(first)


def test_a_stopped_run_ends_in_the_same_record(registry, monkeypatch, tmp_path):
    ((_, undisturbed),) = run(registry).written
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "another cache"))
    other = Registry(tmp_path / "other results")
    asked = iter([None] * 6)
    with pytest.raises(Stopped):
        run(other, hooks=Hooks(stop=lambda: next(asked, "a signal")))
    assert other.paths() == []
    ((_, resumed),) = run(other).written
    assert resumed.timing.resumes == 1
    assert without_circumstances(resumed) == without_circumstances(undisturbed)


def test_a_longer_run_goes_on_from_a_shorter_one(registry, tmp_path, monkeypatch):
    """And ends where one from the start does."""
    last = (msgspec.structs.replace(PROTOCOLS[0], checkpoint="last"),)
    ((_, shorter),) = run(registry, protocols=last).written
    trained = []
    hooks = Hooks(progress=lambda state: trained.append(state.iteration))
    longer = {"iterations": ITERATIONS + 5, "protocols": last}
    ((_, extended),) = run(registry, **longer, hooks=hooks).written
    assert trained == list(range(ITERATIONS + 1, ITERATIONS + 6))
    assert extended.timing.resumes == 1
    assert extended.curve[: len(shorter.curve)] == shorter.curve
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "another cache"))
    ((_, at_once),) = run(Registry(tmp_path / "other results"), **longer).written
    assert without_circumstances(extended) == without_circumstances(at_once)


def test_a_longer_run_does_not_go_on_from_older_code(registry):
    last = (msgspec.structs.replace(PROTOCOLS[0], checkpoint="last"),)
    run(registry, protocols=last)
    schedule = msgspec.structs.replace(SETTING.schedule(ITERATIONS + 5), version=2)
    trained = []
    hooks = Hooks(progress=lambda state: trained.append(state.iteration))
    run(registry, schedule=schedule, protocols=last, hooks=hooks)
    assert trained[0] == 1


@pytest.mark.parametrize("copied", [0, 1])
def test_a_kill_while_the_shorter_ones_checkpoints_are_copied_costs_nothing(
    registry, monkeypatch, copied
):
    last = (msgspec.structs.replace(PROTOCOLS[0], checkpoint="last"),)
    run(registry, protocols=last)
    write, written = checkpoint.atomic_write, []

    def killed(path, data):
        if len(written) == copied:
            raise KeyboardInterrupt
        written.append(path)
        write(path, data)

    monkeypatch.setattr(checkpoint, "atomic_write", killed)
    longer = {"iterations": ITERATIONS + 5, "protocols": last}
    with pytest.raises(KeyboardInterrupt):
        run(registry, **longer)
    monkeypatch.setattr(checkpoint, "atomic_write", write)
    trained = []
    hooks = Hooks(progress=lambda state: trained.append(state.iteration))
    ((_, extended),) = run(registry, **longer, hooks=hooks).written
    assert trained == list(range(ITERATIONS + 1, ITERATIONS + 6))
    found = checkpoint_of(training_key(extended))
    assert checkpoint.best(found).exists()


def test_a_longer_run_of_another_configuration_starts_from_the_start(registry):
    run(registry)
    trained = []
    hooks = Hooks(progress=lambda state: trained.append(state.iteration))
    config = msgspec.structs.replace(request().config, inner_lr=0.02)
    run(registry, iterations=ITERATIONS + 5, config=config, hooks=hooks)
    assert trained[0] == 1


def test_seeds_are_other_runs(registry):
    records = [run(registry, seeds=(seed,)).written[0][1] for seed in (0, 1)]
    assert len({record.key for record in records}) == 2
    assert len({record.provenance.weights_sha256 for record in records}) == 2
    assert records[0].per_task != records[1].per_task


def test_seeds_together_write_a_record_each(registry):
    outcome = run(registry, seeds=(0, 1, 2), protocols=PROTOCOLS[:2])
    records = [record for _, record in outcome.written]
    pairs = [(record.seed, record.protocol.name) for record in records]
    assert pairs == [(seed, name) for seed in (0, 1, 2) for name in ("5-shot", "10-shot")]
    assert {record.timing.seeds_together for record in records} == {3}
    assert len({record.provenance.weights_sha256 for record in records}) == 3
    alone = run(Registry(registry.root / "alone"), seeds=(1,), rerun=True).written[0][1]
    (company,) = [r for r in records if r.key == alone.key]
    assert alone.metrics["mse"].mean == pytest.approx(company.metrics["mse"].mean, rel=1e-3)


def test_seeds_that_stand_leave_the_others_to_be_trained(registry):
    run(registry, seeds=(1,))
    outcome = run(registry, seeds=(0, 1, 2))
    assert [record.seed for record in outcome.standing] == [1]
    assert [record.seed for _, record in outcome.written] == [0, 2]
    assert {record.timing.seeds_together for _, record in outcome.written} == {2}


def test_seeds_go_on_from_what_all_of_them_have(registry, caplog):
    """As after a kill between the checkpoints of two seeds."""
    asked = iter([None] * 6)
    hooks = Hooks(checkpoint_seconds=0.0, stop=lambda: next(asked, "a signal"))
    with pytest.raises(Stopped):
        run(registry, seeds=(0, 1), hooks=hooks)
    newest = sorted((cache_dir() / "runs").glob("*/checkpoint.pt"))[0]
    newest.unlink()
    caplog.set_level("INFO")
    outcome = run(registry, seeds=(0, 1))
    assert "goes on from iteration 6" in caplog.text
    assert {record.timing.seeds_together for _, record in outcome.written} == {2}


def test_seeds_at_other_iterations_train_apart(registry):
    """With more than a checkpoint interval behind it, a seed does not start again for another."""
    asked = iter([None] * 6)
    hooks = Hooks(checkpoint_seconds=0.0, stop=lambda: next(asked, "a signal"))
    with pytest.raises(Stopped):
        run(registry, seeds=(0,), hooks=hooks)
    outcome = run(registry, seeds=(0, 1))
    assert [record.timing.resumes for _, record in outcome.written] == [1, 0]
    assert {record.timing.seeds_together for _, record in outcome.written} == {1}


def test_of_seeds_together_only_the_one_that_diverges_fails(registry, tmp_path, monkeypatch):
    initial = runs.initial_snapshot

    def poisoned(network, seed, training):
        snapshot = initial(network, seed, training)
        if seed == 1:
            snapshot.params["head.bias"].fill_(math.nan)
        return snapshot

    monkeypatch.setattr(runs, "initial_snapshot", poisoned)
    outcome = run(registry, seeds=(0, 1, 2))
    assert [record.seed for _, record in outcome.written] == [0, 2]
    (failure,) = outcome.failures
    assert failure.startswith("seed 1: Diverged: the weights are not finite")
    assert {(r.seed, r.status) for r in registry.records()} == {
        *((0, "completed"), (1, "failed"), (2, "completed"))
    }
    survivors = [record for _, record in outcome.written]
    for record in survivors:
        found = checkpoint_of(training_key(record))
        assert found.exists()
        assert checkpoint.best(found).exists()
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "another cache"))
    alone = run(Registry(tmp_path / "other results"), seeds=(0, 2)).written
    for record, (_, expected) in zip(survivors, alone, strict=True):
        assert len(record.curve) == len(expected.curve) > 0
        for point, wanted in zip(record.curve, expected.curve, strict=True):
            assert point.iteration == wanted.iteration
            assert point.train_loss == pytest.approx(wanted.train_loss, rel=1e-3)
            assert point.validation_metric == pytest.approx(wanted.validation_metric, rel=1e-3)


def test_methods_are_scored_on_the_same_tasks(registry):
    """Before any step both predict nearly zero, so that their errors are those of the tasks."""
    rows = [run(registry, method).written[0][1].per_task["mse"][0] for method in ("maml", "fomaml")]
    assert np.corrcoef(rows)[0, 1] > 0.99


def attempts(registry: Registry) -> set[tuple[str, int, str]]:
    return {(each.protocol.name, each.attempt, each.status) for each in registry.records()}


def break_down(*_):
    raise FloatingPointError("the third unit is on fire\nsecond line")


def test_a_failure_is_recorded_and_then_made_good(registry, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Maml, "objective", break_down)
        (failure,) = run(registry, protocols=PROTOCOLS[:2]).failures
    assert failure.startswith("seed 0: FloatingPointError")
    failed = list(registry.records())
    assert {record.status for record in failed} == {"failed"}
    assert {record.protocol.name for record in failed} == {"5-shot", "10-shot"}
    for record in failed:
        assert record.failure.exception == "FloatingPointError"
        assert record.failure.message.startswith("the third unit")
        assert "break_down" in "\n".join(record.failure.last_lines)
        assert (record.metrics, record.per_task) == ({}, {})
    assert any(str(path) in failure for path in registry.paths())

    assert len(run(registry, protocols=PROTOCOLS[:2]).written) == 2
    assert attempts(registry) == {
        *(("5-shot", 0, "failed"), ("10-shot", 0, "failed")),
        *(("5-shot", 1, "completed"), ("10-shot", 1, "completed")),
    }
    assert run(registry, protocols=PROTOCOLS[:2], hooks=trap()).written == []


def test_a_failure_to_score_keeps_what_was_scored(registry, monkeypatch):
    score = runner._scored

    def fails_on_the_second(job, run_, snapshot, identity, together):
        if identity.protocol.name == "10-shot":
            break_down()
        return score(job, run_, snapshot, identity, together)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "_scored", fails_on_the_second)
        assert len(run(registry, protocols=PROTOCOLS).failures) == 1
    first = {("5-shot", 0, "completed"), ("10-shot", 0, "failed"), ("20-shot", 0, "failed")}
    assert attempts(registry) == first
    outcome = run(registry, protocols=PROTOCOLS, hooks=trap())
    assert [record.protocol.name for record in outcome.standing] == ["5-shot"]
    assert attempts(registry) - first == {("10-shot", 1, "completed"), ("20-shot", 1, "completed")}


def test_a_run_that_another_process_is_at_is_left_to_it(registry):
    run(registry)
    (folder,) = (cache_dir() / "runs").iterdir()
    assert (folder / ".lock").exists()
    registry.paths()[0].unlink()
    with FileLock(folder / ".lock"), pytest.raises(UsageError, match="another process") as caught:
        run(registry)
    assert "seed 0 of sinusoid maml" in str(caught.value)
    assert registry.paths() == []
    assert len(run(registry).written) == 1


def test_a_run_that_another_process_has_just_finished_is_not_run_again(registry, monkeypatch):
    """The other process writes its record after we looked and before we hold the lock."""
    claimed = runs.claimed

    def late_claim(pending, asked, **how):
        monkeypatch.setattr(runner, "claimed", claimed)
        execute(replace(asked, hooks=Hooks()), registry, None)
        return claimed(pending, asked, **how)

    monkeypatch.setattr(runner, "claimed", late_claim)
    outcome = run(registry)
    assert outcome.written == []
    assert len(outcome.standing) == 1
    assert len(registry.paths()) == 1


def test_a_method_that_is_not_the_settings_is_a_mistake(registry):
    with pytest.raises(UsageError, match="oracle does not run on glyphs-5way-1shot"):
        run(registry, "oracle", setting=get_setting("glyphs-5way-1shot"))
    assert registry.paths() == []


def test_random_initialization_has_no_schedule(registry):
    ((_, record),) = run(registry, "random-init", hooks=trap()).written
    assert (record.schedule.name, record.schedule.iterations) == ("none", 0)
    assert record.curve == ()
    assert record.selected["step_size"] in record.options["step_sizes"]
    assert record.timing.iterations_per_second is None


def test_the_oracle_beats_random_initialization(registry):
    config = msgspec.structs.replace(SETTING.config, meta_lr=0.01)
    error = {
        method: run(registry, method, iterations=300, **changes).written[0][1].metrics["mse"].mean
        for method, changes in (("oracle", {"config": config}), ("random-init", {}))
    }
    assert error["oracle"] < 0.5 * error["random-init"]


def test_the_oracle_does_not_adapt(registry):
    ((_, record),) = run(registry, "oracle").written
    rows = record.per_task["mse"]
    assert len(rows) == 4
    assert len(set(rows)) == 1


def test_a_record_names_the_code_that_trained_and_not_only_the_code_that_scored(
    registry, monkeypatch
):
    monkeypatch.setattr(environment, "git_state", lambda: environment.GitState("a" * 40, False))
    run(registry)
    monkeypatch.setattr(environment, "git_state", lambda: environment.GitState("b" * 40, True))
    ((_, later),) = run(registry, protocols=PROTOCOLS[1:2]).written
    assert later.provenance.git_commit == "b" * 40
    assert later.provenance.training_commits == ("a" * 40,)


def test_seeds_killed_between_their_first_checkpoints_still_train_together(registry, tmp_path):
    """Alone, they would end in other records by rounding: they have the start in common."""
    steps = iter([None, None, None, "stop"])
    saved = tmp_path / "saved"
    hooks = Hooks(stop=lambda: next(steps))
    with pytest.raises(Stopped):
        run(registry, seeds=(0, 1), checkpoints=saved, hooks=hooks)
    first, second = sorted(saved.glob("*/checkpoint.pt"))
    assert not list(saved.glob("*/checkpoint.previous.pt"))
    second.unlink()
    trained = []
    hooks = Hooks(progress=lambda state: trained.append(state.iteration))
    outcome = run(registry, seeds=(0, 1), checkpoints=saved, hooks=hooks)
    assert trained == list(range(1, ITERATIONS + 1))
    assert [record.timing.seeds_together for _, record in outcome.written] == [2, 2]
    assert first.exists()


def folders(records) -> list[Path]:
    return [checkpoint_of(training_key(record)) for record in records]


def edited(path: Path, **changes) -> None:
    """Seal the checkpoint again with other values, as somebody could who edits it."""
    path.write_bytes(sealed(unsealed(path.read_bytes()) | changes))


@pytest.mark.parametrize(
    ("other", "of"),
    [
        ({"seeds": (1,)}, Path),
        ({"seeds": (1,)}, checkpoint.previous),
        ({"seeds": (1,)}, checkpoint.best),
        ({"method": "fomaml"}, Path),
        ({"rerun": True}, Path),
    ],
)
def test_the_checkpoint_of_another_training_is_not_recorded(registry, tmp_path, other, of):
    ((_, own),) = run(registry, "maml", hooks=Hooks(checkpoint_seconds=0.0)).written
    (target,) = folders([own])
    arguments = {"method": "maml", "hooks": Hooks(checkpoint_seconds=0.0)} | other
    run(registry, **arguments)
    (source,) = (each for each in target.parents[1].glob("*/checkpoint.pt") if each != target)
    theirs = Registry(tmp_path / "theirs")
    best = (msgspec.structs.replace(PROTOCOLS[0], checkpoint="best-validation"),)
    of(target).write_bytes(of(source).read_bytes())
    with pytest.raises(CheckpointError, match="is the checkpoint of another training"):
        run(theirs, "maml", protocols=best)
    assert theirs.paths() == []
    shutil.rmtree(target.parent)
    ((_, again),) = run(theirs, "maml").written
    assert without_circumstances(again) == without_circumstances(own)


@pytest.mark.parametrize("iteration", [10**9, ITERATIONS + 1, -1])
def test_a_checkpoint_beyond_the_schedule_is_not_taken_for_the_end(registry, tmp_path, iteration):
    ((_, own),) = run(registry).written
    edited(folders([own])[0], iteration=iteration)
    trained: list[int] = []
    hooks = Hooks(progress=lambda state: trained.append(state.iteration))
    ((_, again),) = run(Registry(tmp_path / "others"), hooks=hooks).written
    assert trained == list(range(1, ITERATIONS + 1))
    assert without_circumstances(again) == without_circumstances(own)


def test_weights_that_are_not_finite_are_never_scored(registry, tmp_path):
    ((_, own),) = run(registry).written
    (path,) = folders([own])
    params = unsealed(path.read_bytes())["params"]
    edited(path, params={name: value * math.nan for name, value in params.items()})
    others = Registry(tmp_path / "others")
    with pytest.raises(UsageError, match="train them with: suite run sinusoid maml"):
        run(others, trains=False)
    assert others.paths() == []


def test_a_training_of_the_format_before_goes_on(registry, monkeypatch, tmp_path):
    ((_, undisturbed),) = run(registry).written
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "another cache"))
    asked = iter([None] * 6)
    with pytest.raises(Stopped):
        run(Registry(tmp_path / "others"), hooks=Hooks(stop=lambda: next(asked, "a signal")))
    for path in (cache_dir() / "runs").glob("*/*.pt"):
        content = unsealed(path.read_bytes())
        del content["training"]
        path.write_bytes(sealed(content | {"format": 3}))
    trained: list[int] = []
    hooks = Hooks(progress=lambda state: trained.append(state.iteration))
    ((_, resumed),) = run(Registry(tmp_path / "others"), hooks=hooks).written
    assert trained[0] == 8
    assert without_circumstances(resumed) == without_circumstances(undisturbed)
    assert unsealed(folders([resumed])[0].read_bytes())["training"]["name"] == training_key(resumed)


def test_a_longer_training_makes_what_it_begins_with_its_own(registry):
    ((_, shorter),) = run(registry, hooks=Hooks(checkpoint_seconds=0.0)).written
    ((_, longer),) = run(registry, iterations=ITERATIONS + 5).written
    (path,) = folders([longer])
    for of in (Path, checkpoint.previous, checkpoint.best):
        training = unsealed(of(path).read_bytes())["training"]
        assert training["name"] == training_key(longer)
        assert training["title"] == "sinusoid maml seed 0, 25 iterations"
    before = unsealed(folders([shorter])[0].read_bytes())["training"]["name"]
    assert before == training_key(shorter)


@pytest.mark.parametrize("of", [Path, checkpoint.best])
def test_a_shorter_training_that_is_damaged_is_not_gone_on_from(registry, of):
    ((_, shorter),) = run(registry).written
    of(folders([shorter])[0]).write_bytes(b"damaged")
    best = (msgspec.structs.replace(PROTOCOLS[0], checkpoint="best-validation"),)
    trained: list[int] = []
    hooks = Hooks(progress=lambda state: trained.append(state.iteration))
    assert run(registry, iterations=ITERATIONS + 5, protocols=best, hooks=hooks).written
    assert trained[0] == 1


def test_best_weights_that_are_lost_are_told_before_the_rest_is_trained(registry):
    """The same command goes on once what the message says is done."""
    best = (msgspec.structs.replace(PROTOCOLS[0], checkpoint="best-validation"),)
    asked = iter([None] * 6)
    with pytest.raises(Stopped):
        run(registry, protocols=best, hooks=Hooks(stop=lambda: next(asked, "a signal")))
    (path,) = (cache_dir() / "runs").glob("*/checkpoint.best.pt")
    path.write_bytes(b"damaged")
    with pytest.raises(UsageError) as caught:
        run(registry, protocols=best, hooks=trap())
    assert str(caught.value).endswith(f"give the same command again: rm -r {path.parent}")
    shutil.rmtree(path.parent)
    ((_, record),) = run(registry, protocols=best).written
    assert record.provenance.weights_sha256 == record.provenance.best_weights_sha256


def test_a_run_that_is_stopped_while_scoring_ends_in_the_same_record(
    registry, monkeypatch, tmp_path
):
    monkeypatch.setattr(evaluate, "tasks_at_once", lambda *_: 8)
    ((_, undisturbed),) = run(registry).written
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "another cache"))
    other = Registry(tmp_path / "other results")
    scored = []
    hooks = Hooks(
        stop=lambda: "a signal" if scored else None,
        scoring=lambda what, done, tasks: scored.append((what, done, tasks)),
    )
    with pytest.raises(Stopped):
        run(other, hooks=hooks)
    assert scored[0][0] == "sinusoid maml seed 0 [5-shot]"
    assert other.paths() == []
    (kept,) = (tmp_path / "another cache").rglob("score-*.pt")
    going_on = []
    hooks = Hooks(scoring=lambda what, done, tasks: going_on.append(done))
    ((_, resumed),) = run(other, hooks=hooks).written
    assert going_on[0] > scored[-1][1]
    assert without_circumstances(resumed) == without_circumstances(undisturbed)
    assert not kept.exists()


def test_a_selection_that_is_stopped_goes_on_and_is_made_for_each_weights(
    registry, monkeypatch, tmp_path
):
    tried = []

    def score(*arguments):
        tried.append(arguments)
        return step_size_scores(*arguments)

    # As that of fine-tuning, which depends on nothing else of the protocol.
    monkeypatch.setattr(Pretraining, "selection", lambda self, protocol: protocol.k_shot)
    step_size_scores = trials.task_scores
    monkeypatch.setattr(trials, "task_scores", score)
    best = msgspec.structs.replace(PROTOCOLS[0], name="best", checkpoint="best-validation")
    protocols = (PROTOCOLS[0], best)
    undisturbed = run(registry, "pretraining", protocols=protocols).written
    # Both have validation tasks and step size of their own, since they are of other weights.
    assert len(tried) == 2 * 12 * len(STEP_SIZES)
    tried.clear()
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "another cache"))
    other = Registry(tmp_path / "other results")
    hooks = Hooks(stop=lambda: "a signal" if len(tried) > 20 else None)
    with pytest.raises(Stopped):
        run(other, "pretraining", protocols=protocols, hooks=hooks)
    assert len(tried) == 21
    resumed = run(other, "pretraining", protocols=protocols).written
    assert len(tried) == 2 * 12 * len(STEP_SIZES)
    for (_, ours), (_, theirs) in zip(resumed, undisturbed, strict=True):
        assert without_circumstances(ours) == without_circumstances(theirs)
