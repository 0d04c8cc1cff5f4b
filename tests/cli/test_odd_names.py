"""Paths whose bytes are no UTF-8, as old disks and the C locale have them: taken like any other."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from msgspec import structs

from suite.errors import RegistryError
from suite.escape import link, utf8
from suite.registry import Registry
from suite.registry.seen import Seen
from suite.registry.store import encode

GOLDEN = Path(__file__).parents[1] / "report" / "golden" / "results"
ODD = "caf\udce9"  # "café" in Latin-1, as Python hands it over
SINUSOID = "sinusoid maml --iterations 10 --threads 1 --device cpu --protocols 5-shot"
COMMANDS = [
    *("list --results {odd}/results", "report --results {odd}/results", "export {odd}.csv"),
    *("export all.csv --results {odd}/results", "show {key} --results {odd}/results"),
    *(f"run {SINUSOID} --results {{odd}}/new", f"run {SINUSOID} --checkpoints {{odd}}/saved"),
]
MISTAKES = [
    *("list {odd}", "list --results {odd}/nowhere", "show {odd}", "show {odd}.json"),
    *("run {odd} maml", "run sinusoid {odd}", "run sinusoid maml --set {odd}", "data {odd}"),
    "run sinusoid maml --set {odd}=1",
    *("run sinusoid maml --protocols {odd}", "run sinusoid maml --device {odd}"),
    *("evaluate --weights {odd}.npz --setting sinusoid", "evaluate {odd}", "verify {odd}"),
    *("check --references {odd}.json", "check --runs {odd}", "export {odd}", "{odd}"),
    *("data omniglot --data {odd}/nowhere", "data miniimagenet --data {odd}/nowhere"),
    *("picture {odd} a.png", "export {odd}-curves --tensorboard", "reproduce {odd}"),
    "run sinusoid maml --time-limit {odd}",
]


@pytest.fixture
def odd_folder(tmp_path):
    """Holds a registry, as does the test's own folder beside it."""
    for name in (f"{ODD}/results", "results"):
        try:
            shutil.copytree(GOLDEN / "sinusoid", tmp_path / name / "sinusoid")
        except OSError:
            pytest.skip("this disk has no such names")
    return tmp_path / ODD


@pytest.mark.parametrize("command", COMMANDS)
def test_a_path_that_is_not_utf_8_is_taken(suite, odd_folder, monkeypatch, command):
    monkeypatch.setenv("SUITE_CACHE", str(odd_folder / "cache"))
    key = Registry(GOLDEN).paths()[-1].stem.split("-")[-1]
    code, _, err = suite(command.format(odd=ODD, key=key))
    assert (code, "Traceback" in err) == (0, False), err
    if command.startswith("report"):
        assert "caf%E9" in (odd_folder.parent / "reports" / "index.html").read_text("utf-8")
    if "--results {odd}/new" in command:
        (record,) = Registry(odd_folder / "new").load()
        assert r"--results " in record.provenance.command
        assert r"caf\udce9/new" in record.provenance.command


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_that_is_not_utf_8_is_told(suite, odd_folder, command):
    code, _, err = suite(command.format(odd=ODD))
    assert (code, "Traceback" in err) == (2, False), err


def test_files_that_were_seen_are_known_by_their_bytes(odd_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    root = odd_folder / "results"
    seen = Seen(root)
    for name in (ODD, "café", "caf\udcc3\udca9", "cafÃ©"):
        seen.add(root / name, (len(name), 1, 1, 1))
    seen.save()
    again = Seen(root)
    # The second and third have the same bytes.
    lengths = [4, 5, 5, 5]
    for name, length in zip((ODD, "café", "caf\udcc3\udca9", "cafÃ©"), lengths, strict=True):
        assert (root / name, (length, 1, 1, 1)) in again
    assert (root / "other", (4, 1, 1, 1)) not in again


def test_links_lead_to_the_bytes(odd_folder):
    assert link(Path(f"../{ODD}/a b")) == "../caf%E9/a%20b"
    assert link(Path("javascript:alert(1)")).startswith("javascript%3A")


def test_a_record_whose_text_is_not_utf_8_is_not_written():
    record = next(Registry(GOLDEN).records())
    odd = structs.replace(record, provenance=structs.replace(record.provenance, host=ODD))
    with pytest.raises(RegistryError, match="a text is not UTF-8"):
        encode(odd)
    told = structs.replace(record.provenance, host=utf8(ODD))
    assert rb"caf\\udce9" in encode(structs.replace(record, provenance=told))


def test_a_failure_with_such_a_path_is_recorded(suite, odd_folder, monkeypatch):
    def failing(*_, **__):
        raise ValueError(f"cannot parse {ODD}")

    monkeypatch.setattr("suite.run.supervised.Supervised.train", failing)
    monkeypatch.setattr(sys, "argv", ["suite"])
    code, _, err = suite(f"run {SINUSOID} --results {ODD}/new")
    assert (code, "Traceback" in err) == (1, False), err
    (path,) = Registry(odd_folder / "new").paths()
    assert json.loads(path.read_bytes())["failure"]["message"] == r"cannot parse caf\udce9"
