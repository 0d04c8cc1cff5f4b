"""The gate stops a method that is broken, and lets what does no harm pass.

`gate_scores.jsonl` has what trials scored (`tests/launch/record_gate.py`), and the gate's
statistics look at it here. Some are run, for a few seeds: what was recorded must be what comes out.
"""

import pytest
from msgspec import structs

from suite.launch.gate import GATE
from suite.registry.references import read_references
from suite.report.cells import cell_key
from suite.report.check import check_runs, check_scores, exit_code, seed_scores
from tests.launch import trials
from tests.launch.record_gate import PATH, REFERENCES, differences, recorded, with_spread
from tests.launch.trials import BROKEN, CLEAN, FEW, TRIALS

if not REFERENCES.exists():
    pytest.skip("the sources come without results/", allow_module_level=True)
KNOWN = read_references(REFERENCES)
ROWS = {each.cell: each for each in KNOWN.gate}
RECORDED = recorded()
COMMAND = "python -m tests.launch.record_gate"


def line(cell, scores):
    """What the gate says of the row of `cell`, of these seeds alone."""
    assert cell in ROWS, f"no row of the gate: {COMMAND} records {PATH.name} again"
    means = {seed: ROWS[cell].means[seed] for seed in scores}
    found = check_scores(structs.replace(ROWS[cell], means=means), scores, len(KNOWN.gate))
    print(f"{found.status}: {found.detail}")
    return found


def found_of(trial):
    if trial.title not in RECORDED:
        pytest.skip(f"not recorded: {COMMAND} '{trial.title}'")
    return RECORDED[trial.title]


def test_every_job_has_a_reference_of_all_its_seeds():
    named = {(each.setting, each.method): each for each in KNOWN.gate}
    assert named.keys() == {(job.setting, job.method) for job in GATE}
    for job in GATE:
        reference = named[job.setting, job.method]
        assert sorted(reference.means) == list(job.seeds)
        assert reference.iterations == job.iterations


def test_breakages_and_changes_are_all_there_and_no_title_is_twice():
    assert (len(BROKEN), len(CLEAN)) == (12, 22)
    assert len({trial.title for trial in TRIALS}) == 34
    assert RECORDED.keys() <= {trial.title for trial in TRIALS}


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.title)
def test_a_trial_fails_where_it_is_broken_and_passes_where_it_is_not(trial):
    found = found_of(trial)
    assert (tuple(found.scores), found.broken) == (trial.seeds, trial.breaks is not None)
    assert any(differences(ROWS[found.cell], found))
    assert line(found.cell, found.scores).status == ("failed" if trial.breaks else "passed")


@pytest.mark.parametrize("row", KNOWN.gate, ids=lambda row: f"{row.setting} {row.method}")
def test_a_spread_is_that_of_the_changes(row):
    again = with_spread(row, RECORDED.values())
    if again is None:
        assert row.origin.startswith("not measured: ")
    else:
        assert row == again


def test_nothing_to_look_at_is_no_pass():
    assert exit_code(check_runs(KNOWN, (), ("omniglot",))) == 2


LIVE = (
    *(each for each in BROKEN if each.name in ("first order", "statistics of another task")),
    next(each for each in CLEAN if each.name == "initial weights off by rounding"),
)


@pytest.mark.slow
@pytest.mark.parametrize("trial", LIVE, ids=lambda trial: trial.title)
def test_run_here_it_scores_what_was_recorded(trial, tmp_path):
    """But for what rounding does on another machine."""
    cell = trials.run(trial, tmp_path, FEW[:2])
    key, scores = cell_key(cell.records[0]), seed_scores(cell)
    assert line(key, scores).status == ("failed" if trial.breaks else "passed")
    if trial.title in RECORDED:
        before = RECORDED[trial.title]
        assert key == before.cell
        means = {seed: before.scores[seed] for seed in scores}
        kept = structs.replace(ROWS[key], means=means)
        assert check_scores(kept, scores, len(KNOWN.gate)).status == "passed"
