"""What can happen to a registry from outside: each is told by name, and nothing bad is counted."""

import errno
import json
import os
import shutil
import sys
import time
from pathlib import Path

import msgspec
import pytest

from suite.cli import main
from suite.errors import RegistryError
from suite.registry import Registry, frame
from suite.registry.export import write_frame
from suite.registry.find import find_record
from suite.registry.references import read_references
from suite.registry.store import encode
from suite.registry.summary import summarise
from suite.report.cells import collect
from suite.report.write import write_report
from suite.stats import ci95_tasks

replace = msgspec.structs.replace


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "results")


def refused(registry: Registry) -> str:
    """The message with which the registry is refused."""
    with pytest.raises(RegistryError) as caught:
        list(registry.records())
    return str(caught.value)


def spoil(path: Path, edit) -> None:
    fields = json.loads(path.read_text())
    edit(fields)
    path.write_text(json.dumps(fields))


def metric_edit(**changes):
    return lambda fields: fields["metrics"]["accuracy"].update(changes)


def rows_edit(rows):
    return lambda fields: fields["per_task"].update(accuracy=rows)


CONTRADICTIONS = {
    "mean": (metric_edit(mean=0.7000001), "metrics.accuracy.mean is not what its per_task gives"),
    "no mean": (metric_edit(mean=None), "metrics.accuracy.mean"),
    "interval": (metric_edit(ci95_tasks=0.1), "metrics.accuracy.ci95_tasks"),
    "step": (metric_edit(by_step=[0.3, None, 0.7]), "metrics.accuracy.by_step"),
    "a step too few": (metric_edit(by_step=[None, 0.7]), "metrics.accuracy.by_step"),
    "a step that diverged": (metric_edit(by_step=[0.2, 0.4, 0.7]), "metrics.accuracy.by_step"),
    "median": (metric_edit(median=0.8), "metrics.accuracy.median"),
    "diverged": (metric_edit(diverged=1), "metrics.accuracy.diverged"),
    "outcome": (rows_edit([[0.2, 0.2], [None, 0.4], [0.6, 0.9]]), "metrics.accuracy.mean"),
    "outcomes of one task less": (rows_edit([[0.2, 0.2], [None], [0.6, 0.8]]), "per_task.accuracy"),
    "no outcomes": (rows_edit([]), "per_task.accuracy is not one row"),
    "no tasks": (rows_edit([[], [], []]), "per_task.accuracy is not one row"),
    "another metric": (lambda fields: fields["per_task"].update(mse=[[1.0]]), "same metrics"),
    "no metrics": (lambda fields: fields.update(metrics={}, per_task={}), "has no metrics"),
    "status": (lambda fields: fields.update(status="failed"), "its status is failed"),
}


@pytest.mark.parametrize(("edit", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_record_that_contradicts_itself_is_refused(registry, make_record, edit, message):
    path = registry.write(make_record())
    spoil(path, edit)
    told = refused(registry)
    assert told.startswith(f"{path}: ")
    assert message in told
    assert "edited by hand" in told
    assert "\n" not in told


def test_a_record_that_contradicts_itself_is_not_written(registry, make_record):
    record = make_record()
    wrong = replace(record.metrics["accuracy"], mean=0.71)
    with pytest.raises(RegistryError, match=r"metrics\.accuracy\.mean"):
        registry.write(replace(record, metrics={"accuracy": wrong}))
    assert registry.paths() == []


def test_another_order_of_a_sum_contradicts_nothing(registry, make_record):
    path = registry.write(make_record())
    mean = 0.7
    for _ in range(3):
        mean = float(f"{mean:.17g}") * (1 + 2**-52)
    assert mean != 0.7
    spoil(path, metric_edit(mean=mean))
    assert [record.metrics["accuracy"].mean for record in registry.records()] == [mean]


def test_the_summary_has_the_intervals_of_the_report():
    row = (0.25, 0.5, 1.0, 0.125)
    found = summarise(((0.1, 0.1, 0.1, None), row), 1)
    assert found.ci95_tasks == ci95_tasks(row)
    assert (found.mean, found.median, found.diverged) == (0.46875, 0.375, 0)
    assert found.by_step == (None, 0.46875)
    alone = summarise((row,), 10)
    assert (alone.mean, alone.by_step) == (0.46875, (0.46875,))
    diverged = summarise(((None, 1.0, None),), 0)
    assert (diverged.mean, diverged.ci95_tasks, diverged.median) == (None, None, None)
    assert diverged.diverged == 2


def test_a_sum_that_overflows_has_no_mean():
    found = summarise(((1e308, 1e308, 1e308),), 0)
    assert (found.mean, found.by_step, found.median) == (None, (None,), 1e308)


def test_every_record_of_the_project_passes():
    root = Path(__file__).parents[2] / "results"
    if not root.exists():
        pytest.skip("the sources come without results/")
    assert len(list(Registry(root).records())) == len(Registry(root).paths()) > 0


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "half-written": lambda path: path.write_bytes(path.read_bytes()[:500]),
    "not UTF-8": lambda path: path.write_bytes(
        path.read_bytes().replace("«".encode(), "«".encode("latin-1"))
    ),
    "UTF-16": lambda path: path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16")),
    "nested without end": lambda path: path.write_bytes(b'{"options": ' + b"[" * 100_000),
    "a list": lambda path: path.write_text("[]"),
    "a number": lambda path: path.write_text("1"),
    "another key": lambda path: spoil(path, lambda fields: fields.update(key="0" * 12)),
    "lines in a name": lambda path: spoil(path, lambda fields: fields.update({"a\nb\x1b[1m": 1})),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a link to nowhere": lambda path: (path.unlink(), path.symlink_to(path.with_name("gone"))),
}


@pytest.mark.parametrize("fault", FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_record_is_told_by_name_and_never_counted(registry, make_record, fault):
    sound, bad = (registry.write(make_record(seed=seed)) for seed in (1, 0))
    fault(bad)
    told = refused(registry)
    assert str(bad) in told
    assert str(sound) not in told
    assert told.isprintable()
    counted = []
    with pytest.raises(RegistryError):
        counted.extend(record.seed for record in registry.records())
    # Nothing is handed over after the bad one, which comes first.
    assert counted == []


@pytest.mark.parametrize("count", [2, 13])
def test_all_bad_files_are_named_in_one_message(registry, make_record, count):
    paths = sorted(registry.write(make_record(seed=seed)) for seed in range(20))
    for path in paths[3 : 3 + count]:
        path.write_bytes(b"")
    first, *lines = refused(registry).splitlines()
    assert first == f"{count} files cannot be counted:"
    named = [f"  {path}: not a record: it is empty" for path in paths[3 : 3 + count]]
    assert lines == named
    registry = Registry(registry.root, lenient=True)
    assert len(registry.load()) == 20 - count


@pytest.mark.parametrize(
    "command", [["list"], ["list", "--missing"], ["tables"], ["report"], ["export", "runs.csv"]]
)
def test_a_lenient_command_shows_the_rest(registry, make_record, monkeypatch, caplog, command):
    good, bad = (registry.write(make_record(seed=seed)) for seed in (0, 1))
    bad.write_bytes(b"")
    monkeypatch.chdir(registry.root.parent)
    for flags, code in (([], 2), (["--lenient"], 0)):
        monkeypatch.setattr(sys, "argv", ["suite", *command, *flags])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == code
    assert f"left out: {bad.relative_to(Path.cwd())}: " in caplog.text
    assert str(good) not in caplog.text


def test_loaders_take_text_for_a_path(registry, make_record, tmp_path):
    path = registry.write(make_record())
    assert len(frame(str(registry.root))) == 1
    assert Registry(str(registry.root)).read(str(path)).seed == 3
    write_report(str(registry.root), str(tmp_path / "reports"))
    write_frame(str(registry.root), str(tmp_path / "runs.csv"))
    with pytest.raises(RegistryError, match="no references"):
        read_references(str(tmp_path / "references.json"))


def test_a_folder_that_cannot_be_listed_is_told(registry, make_record, monkeypatch):
    path = registry.write(make_record())
    scandir = os.scandir

    def refusing(folder):
        if Path(folder) == path.parent:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    told = refused(registry)
    assert "Permission denied" in told
    assert str(path.parent) in told


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ETIMEDOUT])
@pytest.mark.parametrize("where", ["", "glyphs-5way-1shot", "glyphs-5way-1shot/maml"])
def test_what_a_bad_mount_does_not_list_is_not_taken_for_missing(
    registry, make_record, monkeypatch, number, where
):
    record = make_record()
    registry.write(record)
    bad = registry.root / where

    def refusing(real):
        def call(path, *arguments, **options):
            if Path(path).is_relative_to(bad):
                raise OSError(number, os.strerror(number), str(path))
            return real(path, *arguments, **options)

        return call

    monkeypatch.setattr(os, "scandir", refusing(os.scandir))
    monkeypatch.setattr(os, "listdir", refusing(os.listdir))
    reads = [registry.paths, registry.load, lambda: find_record(registry, record.key)]
    reads.append(lambda: registry.of_seed(record.setting, record.method, record.seed))
    for read in reads:
        with pytest.raises(RegistryError, match=os.strerror(number)) as told:
            read()
        assert str(registry.root) in str(told.value)
        assert "\n" not in str(told.value)


def test_a_registry_that_is_a_file_is_told(registry):
    registry.root.write_text("")
    assert f"cannot read {registry.root}" in refused(registry)


def test_what_a_killed_write_left_is_removed_by_the_next(registry, make_record):
    path = registry.write(make_record())
    left = path.with_name(f".{path.name}.4194305-0a0a0a0a.tmp")
    left.write_bytes(b"half")
    assert [record.seed for record in registry.records()] == [3]
    registry.write(make_record(seed=4))
    assert not left.exists()
    assert len(registry.paths()) == 2


def test_a_clock_that_is_set_back_changes_nothing(registry, make_record, monkeypatch):
    """Attempts and the choice of the one that counts go by their number."""
    records = []
    for number in range(3):
        monkeypatch.setattr(time, "time", lambda number=number: 1e9 - 1e6 * number)
        started = f"20{20 - number}-01-01T00:00:00+00:00"
        record = make_record()
        circumstances = replace(record.provenance, started=started, finished=started)
        path = registry.write(replace(record, provenance=circumstances))
        os.utime(path, (1e9 - 1e6 * number,) * 2)
        records.append(registry.read(path))
    assert [record.attempt for record in records] == [0, 1, 2]
    contents = collect(registry.records())
    assert [cell.records for cell in contents.cells] == [(records[0],)]
    assert list(contents.repeated) == records[1:]


def test_a_copy_on_another_disk_is_the_same_registry(registry, make_record, tmp_path):
    registry.write(make_record())
    shutil.copytree(registry.root, tmp_path / "copy")
    copied = list(Registry(tmp_path / "copy").records())
    assert list(map(encode, copied)) == list(map(encode, registry.records()))
