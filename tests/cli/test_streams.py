"""Nobody reads what a command prints: it goes on all the same, and its exit code is true."""

import os
import subprocess
import sys

import pytest

from suite.registry import Registry

RUN = (
    "run sinusoid maml --iterations 3 --threads 1 --device cpu --seeds-together 1 --set hidden=[4]"
)


def start(where, arguments: str, **streams) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "SUITE_CACHE": str(where / "cache"), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "suite", *arguments.split()], cwd=where, env=environment, **streams
    )


@pytest.fixture
def closed():
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def completed(where) -> list[tuple[int, str]]:
    return sorted((each.seed, each.status) for each in Registry(where / "results").records())


def test_all_seeds_run_though_the_reader_takes_one_line(tmp_path):
    """As of `suite run ... | head -1`."""
    run = start(tmp_path, f"{RUN} --protocols 5-shot --seeds 0 1 2 3", stdout=subprocess.PIPE)
    assert b"seed 0" in run.stdout.readline()
    run.stdout.close()
    assert run.wait(timeout=120) == 0
    assert completed(tmp_path) == [(seed, "completed") for seed in range(4)]


def test_all_seeds_run_though_nobody_reads_anything(tmp_path, closed):
    run = start(tmp_path, f"{RUN} --protocols 5-shot --seeds 0 1", stdout=closed, stderr=closed)
    assert run.wait(timeout=120) == 0
    assert completed(tmp_path) == [(0, "completed"), (1, "completed")]


def test_streams_that_are_closed_from_the_start(tmp_path):
    command = f"{sys.executable} -m suite {RUN} --protocols 5-shot >&- 2>&- <&-"
    environment = {**os.environ, "SUITE_CACHE": str(tmp_path / "cache")}
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment).returncode == 0
    assert completed(tmp_path) == [(0, "completed")]


@pytest.mark.parametrize(
    ("arguments", "code"), [("list", 0), ("schema", 0), ("--help", 0), ("show nothing", 2)]
)
def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path, closed, arguments, code):
    listed = start(tmp_path, arguments, stdout=closed, stderr=subprocess.PIPE)
    told = listed.communicate(timeout=120)[1].decode()
    assert listed.returncode == code
    assert told.count("\n") == (1 if code else 0), told
