"""`suite verify` tells a record whose numbers were made up from one that was run."""

import sys

import msgspec
import pytest

from suite.cli import main
from suite.registry import Registry, run_key
from suite.registry.summary import summarise


def suite(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["suite", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


@pytest.fixture
def registry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    options = ("--protocols", "5-shot", "--device", "cpu", "--threads", "1", "--engine", "eager")
    assert suite(monkeypatch, "run", "sinusoid", "maml", "--iterations", "3", *options) == 0
    return Registry(tmp_path / "results")


def test_a_record_is_verified_by_its_weights_and_by_training(registry, monkeypatch, capsys):
    (record,) = registry.load()
    assert suite(monkeypatch, "verify", record.key, "--threads", "1") == 0
    assert "equal to the last digit, its weights scored again" in capsys.readouterr().out
    assert suite(monkeypatch, "verify", record.key, "--train", "--threads", "1") == 0
    assert "equal to the last digit, trained and scored again" in capsys.readouterr().out
    assert registry.load() == [record]


def test_outcomes_that_were_made_up_in_agreement_differ(registry, monkeypatch, capsys):
    (record,) = registry.load()
    rows = record.per_task["mse"]
    better = (*rows[:-1], (rows[-1][0] / 2, *rows[-1][1:]))
    edited = msgspec.structs.replace(
        record,
        per_task={"mse": better},
        metrics={"mse": summarise(better, record.protocol.report_step)},
        provenance=msgspec.structs.replace(record.provenance, device="another"),
    )
    assert run_key(edited) == record.key
    registry.path(record).unlink()
    registry.write(edited)
    assert suite(monkeypatch, "verify", record.key, "--threads", "1") == 1
    told = capsys.readouterr().out
    assert f"1 of {record.protocol.tasks} tasks differ, by " in told
    assert "device: another then, " in told


def test_other_weights_or_none_cannot_tell(registry, monkeypatch, capsys):
    (record,) = registry.load()
    provenance = msgspec.structs.replace(record.provenance, weights_sha256="00" * 32)
    registry.path(record).unlink()
    registry.write(msgspec.structs.replace(record, provenance=provenance))
    assert suite(monkeypatch, "verify", record.key) == 2
    assert "cannot tell: " in capsys.readouterr().out
    monkeypatch.setenv("SUITE_CACHE", str(registry.root.parent / "empty"))
    assert suite(monkeypatch, "verify", record.key) == 2
    told = capsys.readouterr().out
    assert "cannot tell: " in told
    assert "suite run sinusoid maml --seeds 0 --iterations 3" in told


@pytest.mark.parametrize("command", ["verify", "evaluate", "picture"])
def test_a_method_that_is_unknown_here_is_one_line(registry, monkeypatch, caplog, capsys, command):
    (record,) = registry.load()
    other = msgspec.structs.replace(record, method="unheard-of")
    other = msgspec.structs.replace(other, key=run_key(other))
    registry.write(other)
    more = ["x.png"] if command == "picture" else []
    assert suite(monkeypatch, command, other.key, *more) == 2
    told = capsys.readouterr()
    assert "Traceback" not in told.err + told.out
