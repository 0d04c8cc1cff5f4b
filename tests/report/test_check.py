"""What the gate says of the runs and of the verdicts it is given."""

import dataclasses
import json
import math
import re
from statistics import fmean

import pytest
from msgspec.structs import replace

from suite.registry.references import Reference, References
from suite.report.cells import cell_key, collect
from suite.report.check import (
    annotations,
    as_json,
    as_table,
    check_history,
    check_runs,
    check_scores,
    check_unfinished,
    check_verdicts,
    check_versions,
    exit_code,
    seed_scores,
)
from suite.report.verdicts import judged
from suite.stats import noticed
from tests.report.make_golden import make_record

SETTING = "glyphs-5way-1shot"
SINUSOID = "sinusoid"


def cells(level, setting=SETTING, method="maml", seeds=range(5)):
    return collect(make_record(setting, method, seed, level=level) for seed in seeds).cells


def reference(cell, spread=0.01, runs=10):
    return Reference(
        cell=cell_key(cell.records[0]),
        setting=cell.setting.id,
        method=cell.method,
        protocol=cell.protocol.name,
        iterations=1,
        changes=(),
        data="made up",
        device="cpu",
        commit="none",
        metric=cell.setting.metric.name,
        means=seed_scores(cell),
        spread=spread,
        spread_runs=runs,
        origin="made up",
    )


def references(*parts, verdicts=None):
    return References(gate=parts, verdicts=verdicts or {})


@pytest.mark.parametrize(
    ("now", "status", "word"),
    [(0.9, "passed", "+0.00"), (0.8, "failed", "fell"), (0.99, "failed", "rose")],
)
def test_accuracy_may_not_move(now, status, word):
    known = references(reference(*cells(0.9)))
    (found,) = check_runs(known, cells(now))
    assert (found.status, exit_code([found])) == (status, int(status == "failed"))
    assert word in found.detail


@pytest.mark.parametrize(("now", "word"), [(2.0, "fell"), (0.2, "rose")])
def test_of_an_error_less_is_better(now, word):
    (before,) = cells(1.0, SINUSOID)
    (found,) = check_runs(references(reference(before, spread=0.1)), cells(now, SINUSOID))
    assert found.status == "failed"
    assert found.detail.startswith(word)


def test_a_seed_that_is_missing_or_another_cell_is_no_pass():
    known = references(reference(*cells(0.9)))
    for there in ((), cells(0.9, seeds=range(4)), cells(0.9, method="fomaml")):
        (found,) = check_runs(known, there)
        assert (found.status, exit_code([found])) == ("missing", 2)
    (found,) = check_runs(known, cells(0.9, seeds=[0, 2, 3]))
    assert found.detail == "seeds not here: 1 4; run suite check --run"


def test_seeds_that_the_reference_does_not_have_count_for_nothing():
    known = references(reference(*cells(0.9, seeds=range(3))))
    (found,) = check_runs(known, cells(0.9))
    assert found.status == "passed"
    assert "over 3;" in found.detail


def test_a_line_says_what_moved_and_what_it_notices():
    (before,) = cells(0.9)
    (found,) = check_runs(references(reference(before)), cells(0.88))
    least = 100 * noticed(0.01, seeds=5, tests=1)
    was = 100 * fmean(seed_scores(before).values())
    assert f"from {was:.1f} %, seed by seed over 5; worse by {least:.2f} is noticed" in found.detail
    assert re.search(r"-2\.\d\d ± 0\.88", found.detail)


def test_many_rows_share_the_level():
    """What one row would fail for may be chance where there are many."""
    known = reference(*cells(0.9))
    now = {seed: mean - 0.016 for seed, mean in known.means.items()}
    assert check_scores(known, now, tests=1).status == "failed"
    assert check_scores(known, now, tests=100).status == "passed"


def test_seeds_that_move_both_ways_fail_and_how_to_go_on_is_said():
    known = reference(*cells(0.9), runs=20)
    moves = dict(zip(known.means, (0.05, -0.06, 0.04, -0.03, 0.0), strict=True))
    now = {seed: mean + moves[seed] for seed, mean in known.means.items()}
    found = check_scores(known, now, tests=1)
    assert found.status == "failed"
    assert found.detail.startswith("changed: seeds moved both ways, far more than rounding")
    assert "renew the reference" in found.detail
    assert check_scores(replace(known, spread_runs=0), now, tests=1).status == "passed"


def test_a_seed_that_diverged_fell():
    known = reference(*cells(0.9))
    found = check_scores(known, known.means | {3: math.inf}, tests=1)
    assert (found.status, found.detail[:23]) == ("failed", "fell: no longer finite,")


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
