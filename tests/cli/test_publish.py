"""Weights beside the records: in a clone they are scored, drawn and used without training."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import torch

from suite.errors import UsageError
from suite.registry import Registry
from suite.registry.published import published
from suite.run.packs.published import trained_network
from suite.settings import SETTINGS

ROOT = Path(__file__).parents[2]
ALONE = "--device cpu --threads 1 --engine eager"


def git(folder, *arguments):
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """Commit what stands, clone it, and go there: a machine with an empty cache."""

    def go():
        git(tmp_path, "init", "--quiet")
        git(tmp_path, "add", "results")
        git(tmp_path, "commit", "--quiet", "--message", "x")
        there = tmp_path / "clone"
        git(tmp_path, "clone", "--quiet", str(tmp_path), str(there))
        monkeypatch.chdir(there)
        monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "empty"))
        return Registry("results")

    return go


def run(suite, setting="sinusoid", method="maml", more="--iterations 3"):
    code, _, err = suite(f"run {setting} {method} {more} {ALONE}")
    assert code == 0, err


def scores(record):
    return record.per_task, record.curve, record.selected, record.provenance.weights_sha256


def test_a_clone_scores_what_was_published_to_the_last_digit(suite, clone):
    # A point of the curve in between, so that the best weights are others than the last.
    run(suite, more="--iterations 301 --protocols 5-shot")
    (record,) = Registry("results").load()
    code, out, _ = suite(f"publish {record.key}")
    assert code == 0
    assert out.count("wrote results/sinusoid/maml/weights/seed-0-") == 1 + (
        record.provenance.best_weights_sha256 != record.provenance.weights_sha256
    )
    there = f"evaluate {record.key} --protocols best-validation 1-step --device cpu --threads 1"
    code, _, err = suite(there)
    assert code == 0, err
    here = {each.key: each for each in Registry("results").load() if each.key != record.key}
    for each in here.values():
        Registry("results").path(each).unlink()
    registry = clone()
    assert suite(f"verify {record.key} --threads 1")[0] == 0
    code, _, err = suite(there)
    assert code == 0, err
    found = {each.key: each for each in registry.load() if each.key != record.key}
    assert len(found) == 2
    assert {key: scores(each) for key, each in found.items()} == {
        key: scores(each) for key, each in here.items()
    }


def test_a_policy_is_drawn_in_a_clone(suite, clone):
    small = "--set tasks_per_batch=2 --set k_shot=2 --set hidden=[8]"
    run(suite, "point-navigation", "maml", f"--iterations 2 {small}")
    (record,) = Registry("results").load()
    assert suite(f"publish {record.key}")[0] == 0
    clone()
    code, out, err = suite(f"picture {record.key} paths.png")
    assert (code, out) == (0, "wrote paths.png\n"), err
    network, weights = trained_network("point-navigation/maml/0")
    assert network.forward(weights, torch.zeros(1, 5, 2)).shape == (1, 5, 2)


def test_its_own_code_has_the_network_and_the_weights(suite, clone):
    run(suite, more="--iterations 3 --protocols 5-shot")
    (record,) = Registry("results").load()
    with pytest.raises(UsageError, match="are not published"):
        trained_network(record.key)
    suite(f"publish {record.key}")
    registry = clone()
    network, weights = trained_network(record.key)
    outputs = network.forward(weights, torch.zeros(1, 7, 1))
    assert outputs.shape == (1, 7, 1)
    again = trained_network(str(registry.path(record)), "elsewhere")[1]
    assert all(torch.equal(again[name], value) for name, value in weights.items())


def test_only_weights_that_a_record_names_are_published(suite, monkeypatch, tmp_path):
    run(suite, more="--iterations 3 --protocols 5-shot")
    registry = Registry("results")
    (record,) = registry.load()
    other = msgspec.structs.replace(record.provenance, weights_sha256="0" * 64)
    registry.path(record).unlink()
    registry.write(msgspec.structs.replace(record, provenance=other))
    code, _, err = suite(f"publish {record.key}")
    assert code == 2
    assert "are not in the cache" in err
    none = msgspec.structs.replace(other, weights_sha256=None, best_weights_sha256=None)
    registry.path(record).unlink()
    registry.write(msgspec.structs.replace(record, provenance=none))
    code, _, err = suite(f"publish {record.key}")
    assert code == 2
    assert "does not name its weights" in err
    assert published(registry.root) == {}


def test_a_damaged_file_is_told_and_not_scored(suite, clone):
    run(suite, more="--iterations 3 --protocols 5-shot")
    (record,) = Registry("results").load()
    suite(f"publish {record.key}")
    clone()
    for name in published(Path("results")).values():
        data = bytearray(Path("results", name).read_bytes())
        data[-1] ^= 1
        Path("results", name).write_bytes(data)
    code, out, _ = suite(f"verify {record.key}")
    assert code == 2
    assert "does not have the weights that its record names" in out
    for name in published(Path("results")).values():
        Path("results", name).write_bytes(b"x")
    code, out, _ = suite(f"verify {record.key}")
    assert code == 2
    assert "cannot be read" in out


def test_by_default_those_of_seed_0_at_the_papers_schedule(suite, monkeypatch):
    monkeypatch.setitem(
        SETTINGS, "sinusoid", msgspec.structs.replace(SETTINGS["sinusoid"], iterations=3)
    )
    run(suite, more="--iterations 2 --protocols 5-shot")
    run(suite, method="random-init", more="--protocols 5-shot")
    run(suite, more="--protocols 5-shot --set inner_lr=0.02")
    nothing = "0 records of seed 0 have weights that are not in the cache\n"
    assert suite("publish")[:2] == (0, nothing)
    run(suite, more="--seeds 0 1 --protocols 5-shot 10-shot")
    code, out, _ = suite("publish")
    (name,) = published(Path("results"))
    assert name.startswith("seed-0-")
    assert (code, out) == (0, f"wrote results/sinusoid/maml/weights/{name} (7 kB)\n{nothing}")
    assert suite("publish")[:2] == (0, nothing)
    Path("results/sinusoid/maml/weights", name).unlink()
    monkeypatch.setenv("SUITE_CACHE", "empty")
    assert suite("publish")[:2] == (0, f"2{nothing[1:]}")
    code, _, err = suite("publish sinusoid/random-init/0")
    assert code == 2
    assert "is not trained" in err


def test_the_tables_and_show_tell_where_they_are(suite):
    run(suite, more="--iterations 3 --protocols 5-shot")
    (record,) = Registry("results").load()
    assert "weights" in suite(f"show {record.key}")[1].splitlines()[-1]
    assert "not published" in suite(f"show {record.key}")[1].splitlines()[-1]
    suite("tables")
    assert "[weights]" not in Path("reports/tables.md").read_text()
    suite(f"publish {record.key}")
    (name,) = (
        path
        for path in published(Path("results")).values()
        if record.provenance.weights_sha256[:12] in path
    )
    assert f"results/{name}" in suite(f"show {record.key}")[1].splitlines()[-1]
    assert suite("tables --check")[0] == 1
    suite("tables")
    assert f"([weights](../results/{name}))" in Path("reports/tables.md").read_text()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_ignores_none_of_what_travels():
    paths = ("results/sinusoid/maml/weights/seed-0-0.safetensors", "results/unfinished/a.pack")
    command = ["git", "-C", str(ROOT), "check-ignore", *paths]
    assert subprocess.run(command, capture_output=True).stdout == b""
