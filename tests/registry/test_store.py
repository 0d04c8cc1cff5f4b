"""What the registry refuses, what it never overwrites, and what comes back from it."""

import json
import math
import os
import subprocess
import sys

import msgspec
import pytest

from suite.errors import RegistryError
from suite.registry import Registry, frame
from suite.registry.schema import SCHEMA_VERSION, Failure
from suite.registry.store import decode, encode

replace = msgspec.structs.replace


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "results")


def test_a_record_comes_back_as_it_was(registry, make_record):
    record = make_record()
    path = registry.write(record)
    assert path == registry.root / record.setting / "maml" / f"seed-3-{record.key}.json"
    assert list(registry.records()) == [record]
    assert registry.of_seed(record.setting, "maml", 3, record.key) == [record]


def test_a_file_can_be_reviewed_line_by_line(registry, make_record):
    path = registry.write(make_record())
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    fields = json.loads(text)
    assert text.endswith("\n}\n")
    assert len(lines) == len(fields) + 2
    assert list(fields) == sorted(fields)
    assert list(fields["config"]) == sorted(fields["config"])


def test_nothing_else_is_left_in_the_folder(registry, make_record):
    path = registry.write(make_record())
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_registry_has_no_records(registry):
    assert list(registry.records()) == []
    assert len(frame(registry.root)) == 0


def edited(make_record, edit) -> bytes:
    fields = json.loads(encode(make_record()))
    edit(fields)
    return json.dumps(fields).encode()


SPOILED = {
    "unknown field": lambda fields: fields.update(extra=1),
    "unknown field of a part": lambda fields: fields["config"].update(extra=1),
    "missing field": lambda fields: fields.pop("timing"),
    "missing field of a part": lambda fields: fields["config"].pop("inner_lr"),
    "missing schema": lambda fields: fields.pop("schema"),
    "NaN": lambda fields: fields["timing"].update(train_seconds=math.nan),
    "infinity": lambda fields: fields["selected"].update(step_size=math.inf),
    "wrong type": lambda fields: fields.update(seed="3"),
    "unknown status": lambda fields: fields.update(status="running"),
    "newer schema": lambda fields: fields.update(schema=SCHEMA_VERSION + 1),
    "newer schema with new fields": lambda fields: fields.update(
        schema=SCHEMA_VERSION + 1, news={}
    ),
    "edited configuration": lambda fields: fields["config"].update(inner_lr=0.5),
    "edited seed": lambda fields: fields.update(seed=4),
    "edited key": lambda fields: fields.update(key="0" * 12),
}


@pytest.mark.parametrize("edit", SPOILED.values(), ids=SPOILED)
def test_a_spoiled_record_is_refused_by_name(registry, make_record, edit):
    path = registry.write(make_record())
    path.write_bytes(edited(make_record, edit))
    with pytest.raises(RegistryError) as caught:
        list(registry.records())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unspoiled_copy_is_not_refused(make_record):
    data = edited(make_record, lambda fields: None)
    assert decode(data, "copy.json") == make_record()


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.999])
def test_a_truncated_file_is_refused_by_name(registry, make_record, kept):
    path = registry.write(make_record())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(RegistryError, match="not a record") as caught:
        list(registry.records())
    assert str(path) in str(caught.value)


def test_a_newer_schema_says_how_to_update(make_record):
    data = edited(make_record, SPOILED["newer schema"])
    with pytest.raises(RegistryError, match="update with"):
        decode(data, "x.json")


@pytest.mark.parametrize("name", ["seed-4-{key}.json", "seed-3-{key}-attempt1.json"])
def test_a_file_under_another_name_is_refused(registry, make_record, name):
    record = make_record()
    path = registry.write(record)
    moved = path.rename(path.with_name(name.format(key=record.key)))
    with pytest.raises(RegistryError, match="belong at") as caught:
        list(registry.records())
    assert str(moved) in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_record_that_is_no_regular_file_is_refused(registry, make_record, make):
    """A fifo has no end to wait for, and /dev/zero none to read."""
    path = registry.write(make_record())
    path.unlink()
    make(path)
    with pytest.raises(RegistryError, match="cannot be read: not a regular file"):
        registry.read(path)


def test_a_file_in_another_folder_is_refused(registry, make_record):
    path = registry.write(make_record())
    other = path.parent.with_name("fomaml")
    path.parent.rename(other)
    with pytest.raises(RegistryError, match="belong at"):
        list(registry.records())


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", ["timing", "per_task", "metrics", "options", "config"])
def test_a_number_that_is_not_finite_is_not_written(registry, make_record, place, number):
    record = make_record()
    result = replace(record.metrics["accuracy"], mean=number)
    changes = {
        "timing": replace(record.timing, train_seconds=number),
        "per_task": {"accuracy": ((0.5, number),)},
        "metrics": {"accuracy": result},
        "options": {"size": number},
        "config": replace(record.config, inner_lr=number),
    }
    spoiled = make_record(**{place: changes[place]})
    with pytest.raises(RegistryError, match="not finite"):
        registry.write(spoiled)
    assert registry.paths() == []


def test_a_record_that_stands_is_never_overwritten(registry, make_record):
    failure = Failure(exception="Diverged", message="at 3", last_lines=("a", "b"))
    first = make_record(status="failed", failure=failure, metrics={}, per_task={})
    paths = [registry.write(record) for record in (first, make_record(), make_record())]
    key = first.key
    assert [path.name for path in paths] == [
        f"seed-3-{key}.json",
        f"seed-3-{key}-attempt1.json",
        f"seed-3-{key}-attempt2.json",
    ]
    attempts = registry.of_seed(first.setting, "maml", 3, key)
    assert attempts[0] == first
    assert [(each.attempt, each.status) for each in attempts] == [
        (0, "failed"),
        (1, "completed"),
        (2, "completed"),
    ]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path, make_record):
    blocked = tmp_path / "results"
    blocked.write_text("a file")
    with pytest.raises(RegistryError, match="cannot write to") as caught:
        Registry(blocked).write(make_record())
    assert str(blocked) in str(caught.value)


WRITER = """
import sys, time
from pathlib import Path
from suite.registry import Registry
from suite.registry.store import decode
root, source, ready = map(Path, sys.argv[1:])
record = decode(source.read_bytes(), str(source))
ready.touch()
while len(list(ready.parent.glob("ready-*"))) < 2:
    time.sleep(0.001)
for _ in range(10):
    Registry(root).write(record)
"""


def test_processes_that_write_the_same_key_at_once_lose_nothing(registry, make_record, tmp_path):
    record = make_record()
    source = tmp_path / "record.json"
    source.write_bytes(encode(record))
    command = [sys.executable, "-c", WRITER, str(registry.root), str(source)]
    writers = [subprocess.Popen([*command, str(tmp_path / f"ready-{each}")]) for each in "ab"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    attempts = registry.of_seed(record.setting, "maml", 3, record.key)
    assert [each.attempt for each in attempts] == list(range(20))


def test_the_frame_has_a_row_a_record(registry, make_record):
    failure = Failure(exception="Diverged", message="at 3", last_lines=())
    registry.write(make_record())
    registry.write(make_record(seed=4))
    registry.write(make_record(seed=5, status="failed", failure=failure, metrics={}, per_task={}))
    table = frame(registry.root)
    assert len(table) == 3
    expected = {
        *("key", "attempt", "status", "setting", "method", "seed", "protocol", "schedule"),
        *("iterations", "metric", "mean", "median", "ci95_tasks", "diverged", "by_step"),
        *("config.inner_lr", "timing.train_seconds", "provenance.host"),
    }
    assert expected <= set(table.columns)
    row = table.set_index("seed").loc[3]
    assert (row["mean"], row["metric"], row["iterations"]) == (0.7, "accuracy", 100)
    assert row["by_step"] == (0.2, None, 0.7)
    failed = table.set_index("seed").loc[5]
    assert failed["status"] == "failed"
    assert math.isnan(failed["mean"])
