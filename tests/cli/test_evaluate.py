"""`suite evaluate`: other protocols for a trained model, and weights from elsewhere."""

import shlex
import shutil

import msgspec
import numpy as np
import pytest

from suite.files import cache_dir
from suite.models import build_network
from suite.outer.snapshot import Training, weights_sha256
from suite.registry import Registry
from suite.report.tables.render import render_tables
from suite.run import checkpoint
from suite.run.sealed import sealed, unsealed
from suite.run.train import initial_snapshot
from suite.run.weights import how_to_train
from suite.settings import get_setting
from suite.settings.metrics import MSE
from suite.settings.protocols import protocols_by_name

TRAIN = "run sinusoid maml --iterations 40 --threads 1 --device cpu --protocols 5-shot"
SETTING = get_setting("sinusoid")


@pytest.fixture
def trained(suite, tmp_path):
    """The record of a short run, whose weights are in the cache."""
    assert suite(TRAIN)[0] == 0
    (record,) = Registry(tmp_path / "results").records()
    return record


def saved(name: str):
    """What is saved beside the only checkpoint."""
    (path,) = (cache_dir() / "runs").glob("*/checkpoint.pt")
    training = Training(name=path.parent.name)
    like = initial_snapshot(build_network(SETTING.config), 0, training)
    return checkpoint.load(path if name == "last" else checkpoint.best(path), like)


def test_each_protocol_is_a_record_of_the_same_weights(suite, trained, tmp_path):
    names = ("6000-tasks", "3-steps", "best-validation")
    code, printed, _ = suite(
        f"evaluate {trained.key[:6]} --threads 1 --protocols {' '.join(names)}"
    )
    assert code == 0
    records = {each.protocol.name: each for each in Registry(tmp_path / "results").records()}
    assert set(records) == {"5-shot", *names}
    assert all(f"[{name}]" in printed for name in names)
    assert len(records["6000-tasks"].per_task["mse"][0]) == 6000
    few, many = (records[name].per_task["mse"] for name in ("5-shot", "6000-tasks"))
    np.testing.assert_allclose([row[:600] for row in many], few, rtol=1e-4)
    assert records["3-steps"].metrics["mse"].mean == pytest.approx(
        trained.metrics["mse"].by_step[3], rel=1e-6
    )
    last = {records[name].provenance.weights_sha256 for name in ("5-shot", "6000-tasks", "3-steps")}
    assert last == {weights_sha256(saved("last").params)}
    best = records["best-validation"].provenance.weights_sha256
    assert best == weights_sha256(saved("best").params)
    assert {each.provenance.best_weights_sha256 for each in records.values()} == {best}
    again = suite(f"evaluate {trained.key} --threads 1 --protocols {' '.join(names)}")[1]
    assert again.count("stands already") == 3


def test_the_best_weights_are_those_of_the_best_point_of_the_curve(trained):
    best = saved("best")
    values = {point.iteration: point.validation_metric for point in trained.curve}
    assert values[best.iteration] == min(values.values())
    assert best.iteration == min(i for i, value in values.items() if value == min(values.values()))


def test_the_report_shows_what_a_protocol_changes(suite, trained, tmp_path):
    registry = Registry(tmp_path / "results")
    assert "What a protocol changes" not in render_tables([trained], results_link="results")
    assert suite(f"evaluate {trained.key} --threads 1 --protocols 3-steps 6000-tasks")[0] == 0
    text = render_tables(list(registry.records()), results_link="results")
    section = text.partition("## What a protocol changes")[2].partition("\n## ")[0]
    assert "maml seed 0, 40 iterations, shortened: not a reproduction" in section
    rows = {line.split("|")[1].strip(): line for line in section.splitlines() if "|" in line}
    scores = np.array(trained.per_task["mse"])
    gap = scores[3] - scores[trained.protocol.report_step]
    width = 1.96 * gap.std() / np.sqrt(gap.size)
    shown = [float(part) for part in rows["3-steps"].split("|")[4].split("±")]
    assert shown == pytest.approx([gap.mean(), width], abs=0.006)
    assert "`steps=3`, `report_step=3`" in rows["3-steps"]
    same = [float(part) for part in rows["6000-tasks"].split("|")[4].split("±")]
    assert same == pytest.approx([0.0, 0.0], abs=1e-6)
    assert rows["2 steps"].split("|")[5].strip() == "the first"


def test_weights_that_are_gone_are_told(suite, trained):
    shutil.rmtree(cache_dir() / "runs")
    code, _, errors = suite(f"evaluate {trained.key} --threads 1 --protocols 3-steps")
    assert code == 2
    assert "train them with: suite run" in errors
    assert not list((cache_dir() / "runs").glob("*/checkpoint.pt"))


def test_weights_of_somebody_else_score_as_our_own(suite, trained, tmp_path):
    params = saved("last").params
    arrays = {f"w{n + 1}": params[f"layer{n}.weight"].T.numpy() for n in range(2)}
    arrays |= {f"b{n + 1}": params[f"layer{n}.bias"].numpy() for n in range(2)}
    arrays |= {"w3": params["head.weight"].T.numpy(), "b3": params["head.bias"].numpy()}
    np.savez(tmp_path / "theirs.npz", **arrays)
    code, printed, _ = suite(
        "evaluate --weights theirs.npz --setting sinusoid --threads 1 --protocols 5-shot"
    )
    assert code == 0
    assert f"mse {MSE.number(trained.metrics['mse'].mean)} ±" in printed
    assert len(list(Registry(tmp_path / "results").records())) == 1


def test_mistakes_are_one_line(suite, trained):
    for arguments, wanted in {
        "evaluate": "name a RUN, or --weights FILE and --setting SETTING",
        "evaluate 000000000000": "has a key that begins with '000000000000'",
        "evaluate nothing.json": "no record nothing.json",
        f"evaluate {trained.key} --protocols twice": "no protocol 'twice'; it has: 5-shot",
        "evaluate --weights a.npz --setting glyphs-5way-1shot --method pretraining": "classifier",
        "evaluate --weights a.npz --setting sinusoid": "a.npz",
    }.items():
        code, _, errors = suite(f"{arguments} --threads 1")
        assert code == 2, arguments
        assert wanted in errors
        assert errors.strip().count("\n") == 0


def test_protocols_differ_from_the_first_in_one_value():
    for method in ("maml", "pretraining"):
        known = protocols_by_name(get_setting("miniimagenet-5way-1shot"), method)
        first, *others = known.values()
        own = get_setting("miniimagenet-5way-1shot").recipe(method).protocols
        for each in others:
            if each in own:
                continue
            differs = {
                name
                for name in each.__struct_fields__
                if getattr(each, name) != getattr(first, name)
            }
            assert "name" in differs
            assert len(differs) == 2 or differs == {"name", "steps", "report_step"}


def test_what_is_not_trained_has_no_best_weights(suite, tmp_path):
    assert suite("run sinusoid random-init --threads 1 --protocols 5-shot")[0] == 0
    (record,) = Registry(tmp_path / "results").records()
    assert suite(f"evaluate {record.key} --threads 1")[0] == 0
    names = {each.protocol.name for each in Registry(tmp_path / "results").records()}
    assert "6000-tasks" in names
    assert "best-validation" not in names


def follow(suite, message: str) -> None:
    """Do what `message` ends in, word by word: commands of a shell."""
    for command in message.rpartition(": ")[2].split(" && "):
        program, *arguments = shlex.split(command)
        if program == "rm":
            assert arguments[0] == "-r"
            shutil.rmtree(arguments[1])
        else:
            assert program == "suite"
            assert suite(shlex.join(arguments))[0] == 0


def best_path():
    (path,) = (cache_dir() / "runs").glob("*/checkpoint.best.pt")
    return path


@pytest.mark.parametrize("damage", ["edited", "empty", "gone", "of another training"])
@pytest.mark.parametrize("before", [0, 2])
def test_lost_best_weights_come_back_as_the_message_says(suite, trained, tmp_path, damage, before):
    """Also where the folder that it names first is there already."""
    for number in range(before):
        (tmp_path / "build" / ("again" if not number else "again-2")).mkdir(parents=True)
    path = best_path()
    if damage == "gone":
        path.unlink()
    elif damage == "of another training":
        content = unsealed(path.read_bytes())
        path.write_bytes(sealed(content | {"training": {"name": "0" * 12, "title": "other"}}))
    else:
        path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:-1] + b"!")
    command = f"evaluate {trained.key} --threads 1 --protocols best-validation"
    code, _, errors = suite(command)
    assert code == 2
    told = errors.splitlines()[-1]
    if damage == "of another training":
        assert "is the checkpoint of another training" in told
        path.unlink()
        code, _, errors = suite(command)
        told = errors.splitlines()[-1]
    assert f"cannot be read from {path}" in told
    follow(suite, told)
    assert suite(command)[0] == 0
    records = {each.protocol.name: each for each in Registry(tmp_path / "results").records()}
    weights = records["best-validation"].provenance.weights_sha256
    assert weights == trained.provenance.best_weights_sha256


LAST = {
    "gone": lambda path: shutil.rmtree(path.parent),
    "damaged": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"),
    "not finite": lambda path: reseal(path, lambda params: params * np.nan),
}


def reseal(path, change) -> None:
    """Seal the checkpoint again with changed weights, as somebody could who edits it."""
    content = unsealed(path.read_bytes())
    content["params"] = {name: change(value) for name, value in content["params"].items()}
    path.write_bytes(sealed(content))


@pytest.mark.parametrize("damage", LAST.values(), ids=LAST)
def test_lost_weights_come_back_as_the_message_says(suite, trained, tmp_path, damage):
    damage(best_path().with_name("checkpoint.pt"))
    command = f"evaluate {trained.key} --threads 1 --protocols 3-steps"
    code, _, errors = suite(command)
    assert code == 2
    follow(suite, errors.splitlines()[-1])
    assert suite(command)[0] == 0
    weights = {each.provenance.weights_sha256 for each in Registry(tmp_path / "results").records()}
    assert weights == {trained.provenance.weights_sha256}


def test_weights_that_are_not_the_records_are_not_scored(suite, trained, tmp_path):
    """Those of another machine, say: they are scored as their own record's, as the message says."""
    reseal(best_path().with_name("checkpoint.pt"), lambda params: params + 1e-7)
    code, out, errors = suite(f"evaluate {trained.key} --threads 1 --protocols 3-steps")
    assert (code, out) == (2, "")
    (told,) = errors.splitlines()
    assert f"the weights in the cache are not those of record {trained.key}" in told
    assert list(Registry(tmp_path / "results").records()) == [trained]
    follow(suite, told)
    names = [each.protocol.name for each in Registry(tmp_path / "build" / "again").records()]
    assert "3-steps" not in names
    assert "6000-tasks" in names


def test_a_record_of_another_protocol_holds_weights_to_their_hashes_too(suite, trained, tmp_path):
    assert suite(f"evaluate {trained.key} --threads 1 --protocols best-validation")[0] == 0
    for record in Registry(tmp_path / "results").records():
        if record.protocol.name == "best-validation":
            best = record
    reseal(best_path(), lambda params: params + 1e-7)
    assert suite(f"evaluate {trained.key} --threads 1 --protocols 3-steps")[0] == 0
    code, _, errors = suite(f"evaluate {best.key} --threads 1 --protocols 6000-tasks")
    assert (code, "not those of record" in errors) == (2, True)


def test_weights_that_older_code_trained_name_that_code(trained):
    schedule = msgspec.structs.replace(trained.schedule, version=2)
    provenance = msgspec.structs.replace(trained.provenance, training_commits=("abc", "def-dirty"))
    record = msgspec.structs.replace(trained, schedule=schedule, provenance=provenance)
    assert how_to_train(trained).startswith("suite run sinusoid maml --seeds 0")
    assert how_to_train(record).startswith("git checkout def && suite run sinusoid maml --seeds 0")
