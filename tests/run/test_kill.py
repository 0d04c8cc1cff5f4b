"""Killed at any moment, a run loses at most one checkpoint interval and corrupts nothing."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from suite.models import build_network
from suite.outer.snapshot import Training
from suite.registry import Registry
from suite.run import checkpoint
from suite.run.train import initial_snapshot
from suite.settings import get_setting

INTERVAL = 0.3
# A save, the iteration that it waits for and the scheduler of a busy machine.
SLACK = 1.5
EARLY_KILLS, KILLS = 2, 5
PATIENCE = 120.0


@dataclass
class Command:
    """`suite run` with a cache and a registry of its own."""

    root: Path
    iterations: int
    seeds: tuple[int, ...] = (0, 1)
    protocols: tuple[str, ...] = ("5-shot", "20-shot")
    checkpoint_every: str = f"{INTERVAL}s"

    @property
    def registry(self) -> Registry:
        return Registry(self.root / "results")

    def start(self, *options: str) -> subprocess.Popen[str]:
        arguments = [
            *(sys.executable, "-m", "suite", "run", "sinusoid", "maml"),
            *("--seeds", *map(str, self.seeds)),
            *("--iterations", str(self.iterations), "--protocols", *self.protocols),
            *("--checkpoint-every", self.checkpoint_every, "--threads", "1"),
            *("--results", str(self.registry.root), *options),
        ]
        environment = {**os.environ, "SUITE_CACHE": str(self.root / "cache")}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def checkpoints(self) -> list[tuple[Path, Path]]:
        """The last and the last but one of each seed that has a folder; either may be missing."""
        folders = (self.root / "cache" / "runs").glob("*/")
        newest = [folder / "checkpoint.pt" for folder in folders]
        return [(path, checkpoint.previous(path)) for path in newest]

    def stamp(self) -> float:
        """When all seeds had last written a checkpoint; 0 before each has its first."""
        written = [max(map(modified, paths)) for paths in self.checkpoints()]
        return min(written) if len(written) == len(self.seeds) else 0.0

    def iteration(self) -> int:
        """Where all seeds can go on from; 0 without checkpoints. Fails where one is damaged."""
        network = build_network(get_setting("sinusoid").config)
        by_seed = []
        for paths in self.checkpoints():
            saved = [
                checkpoint.load(path, initial_snapshot(network, 0, Training(name=path.parent.name)))
                for path in paths
                if path.exists()
            ]
            assert None not in saved
            by_seed.append({snapshot.iteration for snapshot in saved})
        common = set.intersection(*by_seed) if len(by_seed) == len(self.seeds) else set()
        return max(common, default=0)

    def records(self) -> dict[tuple[int, str], dict[str, object]]:
        """By seed and protocol, all but times and provenance. Fails where one cannot be read."""
        found = {}
        for record in self.registry.records():
            values = msgspec.to_builtins(record)
            weights = values.pop("provenance")["weights_sha256"]
            del values["timing"]
            found[record.seed, record.protocol.name] = values | {"weights": weights}
        return found


def modified(path: Path) -> float:
    """0 where there is no file; one that is being replaced may be gone for a moment."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def wait_for(condition, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if process.poll() is not None:
            pytest.fail(f"ended before its kill: {process.communicate()[0]}")
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill(process: subprocess.Popen[str]) -> None:
    assert process.poll() is None, process.communicate()[0]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def kill_early(command: Command, delay: float) -> None:
    """While Python starts, torch is imported or the first iterations run."""
    process = command.start()
    time.sleep(delay)
    kill(process)


def kill_late(command: Command, delay: float) -> None:
    """`delay` after this process has written a first checkpoint of every seed.

    A kill between those of two seeds is harmless, but has no progress to show for itself.
    """
    started, progress = time.time(), command.iteration()
    process = command.start()
    wait_for(lambda: command.stamp() > started, process)
    time.sleep(delay)
    killed = time.time()
    kill(process)
    assert command.iteration() > progress
    assert killed - command.stamp() < INTERVAL + SLACK


def kill_between_records(command: Command) -> None:
    """As soon as the first of the records stands."""
    process = command.start()
    wait_for(lambda: command.registry.paths(), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def finish(command: Command, *options: str) -> str:
    process = command.start(*options)
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, output
    return output


def iterations_for(seconds: float, root: Path) -> int:
    """How many iterations take about so long here."""
    probe = Command(root, iterations=300, protocols=("5-shot",))
    finish(probe)
    rates = [record.timing.iterations_per_second for record in probe.registry.records()]
    return round(seconds * min(rates) / len(rates))


@pytest.mark.slow
def test_kills_lose_little_and_corrupt_nothing(tmp_path):
    # These moments need about four seconds of training; the run must be longer, and
    # the probe, which is slow to begin with, tells too low a rate.
    iterations = iterations_for(15.0, tmp_path / "probe")
    command = Command(tmp_path / "killed", iterations)
    moments = random.Random(25)
    reached = 0
    for number in range(KILLS):
        if number < EARLY_KILLS:
            kill_early(command, moments.uniform(0.1, 4.0))
        else:
            kill_late(command, moments.uniform(0.0, 1.4))
        assert command.records() == {}
        assert command.iteration() >= reached
        reached = command.iteration()
    assert 0 < reached < iterations
    kill_between_records(command)
    assert (0, "5-shot") in command.records()
    finish(command)

    undisturbed = Command(tmp_path / "undisturbed", iterations)
    finish(undisturbed)
    assert set(undisturbed.records()) == set(itertools.product((0, 1), ("5-shot", "20-shot")))
    assert command.records() == undisturbed.records()
    assert len(command.registry.paths()) == 4
    assert {record.timing.resumes for record in undisturbed.registry.records()} == {0}
    assert all(record.timing.resumes for record in command.registry.records())


@pytest.mark.slow
def test_sigterm_and_a_time_limit_stop_cleanly_and_the_command_goes_on(tmp_path):
    # Without end, and without a checkpoint but those that a stop makes.
    command = Command(tmp_path, iterations=10**8, checkpoint_every="10m")
    # Eager, since a stop ends a compile at once, before the first iteration.
    process = command.start("--engine", "eager")
    wait_for(lambda: list(tmp_path.glob("cache/runs/*/.lock")), process)
    time.sleep(8.0)  # to be past the first iteration on a loaded machine
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in output
    assert "give the same command again" in output
    assert "Traceback" not in output
    reached = command.iteration()
    assert reached > 0

    process = command.start("--engine", "eager", "--time-limit", "10s")
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 3
    assert f"goes on from iteration {reached:,}" in output
    assert "the time limit is reached" in output
    assert "give the same command again" in output
    assert command.iteration() > reached
    assert command.records() == {}
