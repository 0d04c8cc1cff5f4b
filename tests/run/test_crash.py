"""Kills of two runs that write into one registry: nothing is lost, nothing is corrupted.

Most moments are events (a file opened, renamed, half written; a scoring begun), the others
come after a time. A run that gets to its end is compared and followed by one of other seeds.
"""

import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from suite.models import build_network
from suite.outer.snapshot import Training
from suite.registry import Registry
from suite.run import checkpoint
from suite.run.train import initial_snapshot
from suite.settings import get_setting

# Enough for every phase; SUITE_KILLS=100 for a longer look.
KILLS = int(os.environ.get("SUITE_KILLS", "30"))
METHODS = ("maml", "fomaml")
HIDDEN = (6, 6)
ITERATIONS = 200
PROTOCOLS = ("5-shot", "20-shot")
# Three looks at the clock an iteration: one checkpoint in eleven.
EVERY, INTERVAL = "30s", 11

BEFORE = "before the first checkpoint"
BETWEEN = "between two checkpoints"
SAVING = "while a checkpoint is written"
SCORING = "after training, without a record"
RECORDING = "while a record is written"
RECORDED = "with some of the records"


class Host:
    """The process that all lives are forked of."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "SUITE_LOG": "INFO"}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("crash_host.py"))],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: object) -> int:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.process.communicate(timeout=60)


@dataclass
class Command:
    """`suite run` of two seeds, which are trained side by side."""

    root: Path
    """The folder of the registry."""
    method: str
    seeds: tuple[int, int]
    reached: int = 0
    """The iteration that it goes on from."""
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def saved(self) -> Path:
        return self.root.with_name(f"{self.root.name}-{self.method}-{self.seeds[0]}")

    @property
    def note(self) -> Path:
        return self.saved.with_suffix(".note")

    @property
    def log(self) -> Path:
        return self.saved.with_suffix(".log")

    def start(self, host: Host, kind: str | None, below: Path, after: int) -> int:
        self.note.write_bytes(bytes(8))
        arguments = (
            f"run sinusoid {self.method} --iterations {ITERATIONS} --seeds {self.seeds[0]} "
            f"{self.seeds[1]} --set hidden={list(HIDDEN)} --protocols {' '.join(PROTOCOLS)} "
            f"--device cpu --threads 1 --engine eager --checkpoint-every {EVERY}"
        ).replace(", ", ",")
        where = ["--results", str(self.root), "--checkpoints", str(self.saved)]
        return host.ask(
            do="start",
            arguments=[*arguments.split(), *where],
            kind=kind,
            below=str(below),
            after=after,
            log=str(self.log),
            note=str(self.note),
        )

    def goes_on_from(self) -> int:
        """The newest iteration that both seeds have; fails where a checkpoint is damaged."""
        config = msgspec.structs.replace(get_setting("sinusoid").config, hidden=HIDDEN)
        network = build_network(config)
        common = []
        for folder in self.saved.glob("*/"):
            last = folder / "checkpoint.pt"
            like = initial_snapshot(network, 0, Training(name=folder.name))
            paths = [path for path in (checkpoint.previous(last), last) if path.exists()]
            found = [checkpoint.load(path, like) for path in paths]
            assert None not in found
            first = [] if checkpoint.previous(last).exists() else [0]
            common.append({*first, *(snapshot.iteration for snapshot in found)})
        return max(set.intersection(*common), default=0) if len(common) == 2 else 0

    def records(self) -> dict[tuple[int, str], dict[str, object]]:
        """By seed and protocol, all but times and provenance."""
        found = {}
        for record in Registry(self.root).records():
            if (record.method, record.seed) in [(self.method, seed) for seed in self.seeds]:
                values = msgspec.to_builtins(record)
                provenance = values.pop("provenance")
                del values["timing"]
                weights = (provenance["weights_sha256"], provenance["best_weights_sha256"])
                assert (record.seed, record.protocol.name) not in found
                found[record.seed, record.protocol.name] = values | {"weights": weights}
        return found

    def temporary(self) -> dict[str, set[Path]]:
        """What killed writes have left: of checkpoints and of records."""
        folder = self.root / "sinusoid" / self.method
        return {SAVING: set(self.saved.rglob(".*.tmp")), RECORDING: set(folder.glob(".*.tmp"))}

    def after_a_kill(self, before: dict[str, set[Path]]) -> str:
        """Check what stands, and say in which phase it was killed."""
        saved, (noted,) = self.goes_on_from(), struct.unpack("q", self.note.read_bytes())
        assert saved >= self.reached
        assert noted - saved <= INTERVAL
        self.reached = saved
        for phase, files in self.temporary().items():
            if files - before[phase]:
                return phase
        if self.records():
            return RECORDED
        if saved == ITERATIONS:
            return SCORING
        return BETWEEN if saved else BEFORE

    def assert_finished_as(self, undisturbed: "Command") -> None:
        records = self.records()
        assert set(records) == {(seed, name) for seed in self.seeds for name in PROTOCOLS}
        assert records == undisturbed.records()
        assert not any(self.temporary().values())


def moment(draw: random.Random, command: Command, first: bool) -> tuple[str | None, Path, int]:
    """A kind of event, below which folder, and the how manieth of them; or None for a time."""
    if first:
        return "any", command.saved, draw.randint(1, 12)
    kind = draw.choices(("time", "any", "half", "record", "score"), (40, 28, 10, 14, 8))[0]
    below = command.root if kind == "record" else command.saved
    if kind == "time":
        return None, below, 0
    if kind == "record":
        return draw.choice(("any", "half")), below / "sinusoid", draw.randint(1, 3)
    return kind, below, draw.randint(1, {"any": 150, "half": 6, "score": 3}[kind])


def lives(host: Host, draw: random.Random, commands: list[Command], counts: Counter[str]) -> None:
    """One life of each command, at once; `None` takes the place of one that is done."""
    started = []
    for command in commands:
        first = not command.log.exists()
        kind, below, after = moment(draw, command, first)
        before = command.temporary()
        pid = command.start(host, kind, below, after)
        due = time.monotonic() + draw.uniform(0.0, 0.9) if kind is None else None
        started.append((command, pid, due, before))
    for command, pid, due, before in sorted(started, key=lambda each: each[2] or 1e18):
        if due is not None:
            time.sleep(max(0.0, due - time.monotonic()))
            os.kill(pid, signal.SIGKILL)
        code = host.ask(do="wait", pid=pid)
        assert code in (0, -signal.SIGKILL), command.log.read_text()
        list(Registry(command.root).records())
        if code:
            phase = command.after_a_kill(before)
            command.killed[phase] += 1
            counts[phase] += 1
        else:
            command.killed["done"] = 1


def finish(host: Host, command: Command) -> None:
    code = host.ask(do="wait", pid=command.start(host, None, command.root, 0))
    assert code == 0, command.log.read_text()


def compare(host: Host, command: Command) -> None:
    """With the same command in a registry of its own."""
    undisturbed = Command(command.root.with_name("undisturbed"), command.method, command.seeds)
    finish(host, undisturbed)
    command.assert_finished_as(undisturbed)


@pytest.mark.slow
def test_kills_lose_nothing_and_corrupt_nothing(tmp_path, host):
    draw, counts, number = random.Random(2017), Counter(), 0
    commands = [Command(tmp_path / "results", method, (0, 1)) for method in METHODS]
    while counts.total() < KILLS:
        lives(host, draw, commands, counts)
        for place, command in enumerate(commands):
            if command.killed["done"]:
                compare(host, command)
                number += 1
                seeds = (2 * number, 2 * number + 1)
                commands[place] = Command(command.root, command.method, seeds)
    for command in commands:
        finish(host, command)
        compare(host, command)
    print(dict(counts), f"{number + 2} runs")
    assert set(counts) >= {BEFORE, BETWEEN, SAVING, SCORING, RECORDING}
    records = list(Registry(tmp_path / "results").records())
    assert len(records) == 4 * (number + 2)
    assert {(record.status, record.attempt) for record in records} == {("completed", 0)}
