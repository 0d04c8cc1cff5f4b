"""`suite check`: a fault is never taken for a pass."""

import json
import shutil
from pathlib import Path

import pytest
from msgspec import structs

from suite.cli import check as suite_check
from suite.launch.plans import Job
from suite.registry.references import read_references, write_references

JOBS = [
    Job(
        setting="sinusoid",
        method=method,
        seeds=(0, 1),
        iterations=3,
        changes=("hidden=[4]",),
        protocols=("5-shot",),
    )
    for method in ("maml", "fomaml")
]


COMMITTED = Path(__file__).parents[2] / "results" / "references.json"
GOLDEN = Path(__file__).parents[1] / "report" / "golden" / "results"


@pytest.fixture
def small_jobs(monkeypatch):
    monkeypatch.setattr(suite_check, "GATE", tuple(JOBS))


def test_no_references(suite, tmp_path):
    (tmp_path / "results").mkdir()
    code, _, err = suite("check")
    assert code == 2
    assert "suite check --update" in err


def test_nothing_was_run(small_jobs, suite, tmp_path):
    write_references(read_references(COMMITTED), tmp_path / "results" / "references.json")
    code, out, _ = suite("check")
    assert code == 2
    assert "suite check --run" in out


def test_a_folder_of_somebody_else_is_not_deleted(small_jobs, suite, tmp_path):
    mine = tmp_path / "mine" / "thesis.tex"
    mine.parent.mkdir()
    mine.touch()
    write_references(read_references(COMMITTED), tmp_path / "results" / "references.json")
    code, _, err = suite("check --run --runs mine")
    assert code == 2
    assert "name another folder" in err
    assert mine.exists()


def test_a_registry_is_not_taken_for_the_runs_of_the_gate(suite, tmp_path, monkeypatch):
    shutil.copytree(GOLDEN, tmp_path / "results")
    monkeypatch.setattr(suite_check, "_of_this_commit", lambda registry: registry.records())
    code, out, err = suite("check --update --runs results")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "results holds runs that are not the gate's, of " in err
    assert not (tmp_path / "results" / "references.json").exists()


@pytest.mark.slow
def test_run_record_references_and_compare(small_jobs, suite, tmp_path, monkeypatch):
    path = tmp_path / "results" / "references.json"
    shutil.copytree(GOLDEN, path.parent)
    code, out, _ = suite("check --run --update")
    assert (code, "2 cells of the gate" in out) == (0, True)
    code, out, _ = suite("check --json")
    assert (code, json.loads(out)["exit_code"]) == (0, 0)

    known = read_references(path)
    assert {each.origin for each in known.gate} == {"not measured: how far seeds differ"}
    measured = {"spread": 0.5, "spread_runs": 3, "origin": "measured"}
    gate = tuple(structs.replace(each, **measured) for each in known.gate)
    write_references(structs.replace(known, gate=gate), path)
    assert suite("check --update")[0] == 0
    known = read_references(path)
    assert [(each.spread, each.spread_runs) for each in known.gate] == [(0.5, 3)] * 2

    first = known.gate[0]
    means = {seed: mean / 100 for seed, mean in first.means.items()}
    moved = structs.replace(first, means=means)
    write_references(structs.replace(known, gate=(moved, *known.gate[1:])), path)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    code, out, _ = suite("check --run")
    assert code == 1
    assert "::error title=accuracy of sinusoid" in out

    for seed in tmp_path.glob("build/check/results/sinusoid/maml/seed-1-*.json"):
        seed.unlink()
    code, out, err = suite("check --update")
    assert (code, out) == (2, "")
    assert "lacks sinusoid maml seeds 1; add --run" in err
    assert read_references(path).gate[0].means == means


@pytest.fixture
def nothing_to_run(small_jobs, monkeypatch, tmp_path):
    """Jobs are cleared for and not run; the code has changes, so that nothing is gone on with."""
    monkeypatch.setattr(suite_check.environment, "code_version", lambda: "abc-dirty")
    monkeypatch.setattr(suite_check, "run_all", lambda *_: 3)
    write_references(read_references(COMMITTED), tmp_path / "results" / "references.json")


def test_a_folder_that_was_made_and_not_yet_marked_is_taken(nothing_to_run, suite, tmp_path):
    (tmp_path / "mine").mkdir()
    assert suite("check --run --runs mine")[0] == 3
    assert (tmp_path / "mine" / ".gate").exists()


@pytest.mark.parametrize(("code", "version", "left"), [(3, "abc", 1), (3, "abd", 0), (0, "abc", 0)])
def test_a_stopped_gate_goes_on_with_the_same_code_alone(
    nothing_to_run, suite, tmp_path, monkeypatch, code, version, left
):
    monkeypatch.setattr(suite_check.environment, "code_version", lambda: "abc")
    monkeypatch.setattr(suite_check, "run_all", lambda *_: code)
    suite("check --run --runs mine")
    (tmp_path / "mine" / "made").mkdir()
    monkeypatch.setattr(suite_check.environment, "code_version", lambda: version)
    monkeypatch.setattr(suite_check, "run_all", lambda *_: 3)
    assert suite("check --run --runs mine")[0] == 3
    assert (tmp_path / "mine" / "made").exists() == bool(left)


STEPS = ("mkdir", "touch", "iterdir", "unlink")


@pytest.mark.parametrize("step", [*STEPS, "rmtree"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_kill_while_the_folder_is_cleared_is_made_good(
    nothing_to_run, suite, tmp_path, monkeypatch, step, number
):
    """Before each thing that is done to it."""
    mine = tmp_path / "mine"
    assert suite("check --run --runs mine")[0] == 3
    for name in ("a/seed-0.json", "b/c/seed-0.json", ".checkpoints/x/checkpoint.pt", "left"):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text("")
    owner = Path if step in STEPS else shutil
    call, left = getattr(owner, step), [number]

    def killed(path, *arguments, **named):
        left[0] -= str(path).startswith("mine")
        if not left[0]:
            raise KeyboardInterrupt
        return call(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, killed)
        suite("check --run --runs mine")
    assert suite("check --run --runs mine")[0] == 3
    assert [path.name for path in mine.iterdir()] == [".gate"]
