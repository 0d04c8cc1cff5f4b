"""Many processes write into one registry at once: nothing is lost, doubled or half there."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from suite.errors import RegistryError
from suite.registry import Registry
from suite.registry.store import encode

SCRIPT = Path(__file__).with_name("writers.py")
WRITERS, RECORDS, ATTEMPTS = 32, 1000, 10
PATIENCE = 300.0


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "results")


@contextmanager
def writers(registry, record, count: int, records: int) -> Iterator[subprocess.Popen[str]]:
    """Processes that write at once, as `writers.py` says, all started."""
    source = registry.root.with_name("record.json")
    source.write_bytes(encode(record))
    arguments = [sys.executable, str(SCRIPT), registry.root, source, count, records]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        list(map(str, arguments)), env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def numbers(process: subprocess.Popen[str]) -> list[int]:
    """The next line that it prints."""
    return list(map(int, process.stdout.readline().split()))


def test_32_processes_write_1000_records(registry, make_record):
    """Every key is written by several of them, each time with another host."""
    with writers(registry, make_record(), WRITERS, RECORDS) as process:
        assert len(set(numbers(process))) == WRITERS
        registry.root.with_name("start").touch()
        # A reader meanwhile sees whole records and no other file.
        deadline = time.monotonic() + PATIENCE
        while len(list(registry.records())) < RECORDS // 2 and process.poll() is None:
            assert time.monotonic() < deadline
        assert numbers(process) == [0] * WRITERS

    found = list(registry.records())
    assert len(found) == len(registry.paths()) == RECORDS
    assert {each.provenance.host for each in found} == {f"host-{n}" for n in range(RECORDS)}
    attempts: dict[str, list[int]] = {}
    for each in found:
        attempts.setdefault(each.key, []).append(each.attempt)
    assert len(attempts) == RECORDS // ATTEMPTS
    assert all(sorted(each) == list(range(ATTEMPTS)) for each in attempts.values())
    assert not list(registry.root.rglob("*.tmp"))


def test_writers_that_are_killed_take_nothing_from_the_others(registry, make_record):
    record = make_record()
    with writers(registry, record, 4, 0) as process:
        doomed = numbers(process)
        registry.root.with_name("start").touch()
        deadline = time.monotonic() + PATIENCE
        for count, pid in enumerate(doomed, start=1):
            while len(registry.paths()) < 10 * count:
                assert time.monotonic() < deadline
            os.kill(pid, signal.SIGKILL)
        assert numbers(process) == [-signal.SIGKILL] * 4
    # The lock of a process that is dead is nobody's.
    registry.write(record)
    found = registry.of_seed(record.setting, record.method, record.seed, record.key)
    assert [each.attempt for each in found] == list(range(len(registry.paths())))
    assert not list(registry.root.rglob("*.tmp"))


def test_a_file_that_is_removed_while_it_is_read_is_named(registry, make_record):
    registry.write(make_record())
    (path,) = registry.paths()
    path.unlink()
    with pytest.raises(RegistryError, match="No such file") as caught:
        registry.read(path)
    assert str(path) in str(caught.value)
