"""What the gate says of the runs and of the verdicts it is given."""

import dataclasses
import json

import pytest
from msgspec.structs import replace

from suite.launch.gate import MARGINS
from suite.registry.references import Reference, References
from suite.report.cells import cell_key, collect
from suite.report.check import (
    annotations,
    as_json,
    as_table,
    check_history,
    check_runs,
    check_unfinished,
    check_verdicts,
    check_versions,
    exit_code,
    seed_scores,
)
from suite.report.verdicts import judged
from tests.report.make_golden import make_record

SETTING = "glyphs-5way-1shot"
SINUSOID = "sinusoid"


def cells(level, setting=SETTING, method="maml", seeds=range(5)):
    return collect(make_record(setting, method, seed, level=level) for seed in seeds).cells


def reference(cell, minus=None, means=None):
    return Reference(
        cell=cell_key(cell.records[0]),
        minus=None if minus is None else cell_key(minus.records[0]),
        setting=cell.setting.id,
        method=cell.method,
        protocol=cell.protocol.name,
        iterations=1,
        changes=(),
        data="made up",
        device="cpu",
        commit="none",
        metric=cell.setting.metric.name,
        means=means or seed_scores(cell),
        margin=MARGINS[cell.setting.metric.name],
    )


def references(*parts, verdicts=None):
    return References(gate=parts, verdicts=verdicts or {})


@pytest.mark.parametrize(
    ("now", "status", "word"),
    [(0.9, "passed", "was"), (0.8, "failed", "fell"), (0.99, "failed", "rose")],
)
def test_accuracy_may_not_move(now, status, word):
    known = references(reference(*cells(0.9)))
    (found,) = check_runs(known, cells(now))
    assert (found.status, exit_code([found])) == (status, int(status == "failed"))
    assert word in found.detail


@pytest.mark.parametrize(("now", "word"), [(2.0, "fell"), (0.2, "rose")])
def test_of_an_error_less_is_better(now, word):
    (before,) = cells(1.0, SINUSOID)
    (found,) = check_runs(references(reference(before)), cells(now, SINUSOID))
    assert found.status == "failed"
    assert found.detail.startswith(word)


def test_one_seed_or_another_cell_is_no_pass():
    known = references(reference(*cells(0.9)))
    for there in ((), cells(0.9, seeds=[0]), cells(0.9, method="fomaml")):
        (found,) = check_runs(known, there)
        assert (found.status, exit_code([found])) == ("missing", 2)


def test_a_difference_is_taken_seed_by_seed():
    (better,), (worse,) = cells(0.9), cells(0.7, method="fomaml")
    known = references(reference(better, worse, dict.fromkeys(range(5), 0.2)))
    (found,) = check_runs(known, (better, worse))
    assert found.status == "passed"
    (found,) = check_runs(known, (better, *cells(0.9, method="fomaml")))
    assert found.status == "failed"
    (found,) = check_runs(known, (better,))
    assert found.status == "missing"


def test_what_cannot_run_here_is_told_and_hides_nothing():
    known = references(reference(*cells(0.9)))
    (found,) = check_runs(known, (), ["glyphs"])
    assert (found.status, exit_code([found])) == ("left out", 2)
    (other,) = check_runs(known, cells(0.9))
    assert exit_code([found, other]) == 0


def test_the_worst_decides_the_exit_code():
    known = references(reference(*cells(0.9)))
    passed, failed, missing = (
        check_runs(known, there)[0] for there in (cells(0.9), cells(0.5), ())
    )
    assert exit_code([]) == 2
    assert exit_code([passed, missing]) == 2
    assert exit_code([passed, missing, failed]) == 1


def test_verdicts_of_the_release_must_stand():
    rows = judged(cells(0.9))
    name = rows[0].name
    checks = {
        before: check_verdicts(references(verdicts={name: before}), rows)
        for before in ("reproduced", "differs", "not run")
    }
    assert [each.status for each in checks["reproduced"]] == ["missing"]
    assert [each.status for each in checks["differs"]] == ["missing"]
    assert checks["not run"] == []


def test_a_verdict_that_is_lost_is_a_failure():
    records = [make_record("omniglot-5way-1shot", "maml", seed, level=0.5) for seed in range(5)]
    rows = judged(collect(records).cells)
    (row,) = (each for each in rows if each.cell is not None)
    assert row.verdict.outcome == "differs"
    (found,) = check_verdicts(references(verdicts={row.name: "reproduced"}), rows)
    assert (found.status, found.detail) == ("failed", "differs, was reproduced")
    (found,) = check_verdicts(references(verdicts={row.name: "differs"}), rows)
    assert found.status == "passed"


def test_for_programs_and_for_github():
    checks = check_runs(references(reference(*cells(0.9))), cells(0.5))
    content = json.loads(as_json(checks))
    assert content["exit_code"] == 1
    assert [each["status"] for each in content["checks"]] == ["failed"]
    (line,) = annotations(checks)
    assert line.startswith(f"::error title=accuracy of {SETTING} maml")
    assert "fell" in as_table(checks)
    assert annotations(check_runs(references(reference(*cells(0.9))), cells(0.9))) == []


def test_a_changed_record_fails_by_name():
    (found,) = check_history({"sinusoid/maml/seed-0-aaaaaaaaaaaa.json": "deleted"})
    assert exit_code([found]) == 1
    assert "seed-0-aaaaaaaaaaaa.json" in found.name
    assert check_history({}) == []


def test_runs_of_older_code_are_counted_and_fail_nothing():
    today = make_record("point-navigation", "pretraining", 0, level=-10.0)
    older = replace(today, schedule=replace(today.schedule, version=1))
    assert check_versions(collect([today]).cells) == []
    (found,) = check_versions(collect([older]).cells)
    assert found.status == "left out"
    assert found.detail.startswith("1 of an older version")


def test_a_packed_training_whose_record_stands_is_told_and_fails_nothing():
    (found,) = check_unfinished(["sinusoid-maml-seed-0-0123456789ab.pack"])
    assert (found.status, found.name) == (
        "left out",
        "unfinished sinusoid-maml-seed-0-0123456789ab.pack",
    )
    assert found.detail.endswith("suite pack --unfinished")
    assert exit_code([dataclasses.replace(found, status="passed"), found]) == 0
