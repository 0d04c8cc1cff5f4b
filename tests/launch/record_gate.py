"""Runs the gate's rows broken and otherwise changed, and keeps what they score.

`python -m tests.launch.record_gate [TITLE...]` runs the trials of those titles, or all that
`gate_scores.jsonl` lacks, one after another; all of them take half an hour of one core or more.
It needs the real Omniglot. `python -m tests.launch.record_gate --spreads` then writes into the
references how far the changes that do no harm move a seed's score. Do both where the gate's
schedules change: the tests say so.
"""

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from suite.registry.references import Reference, read_references, write_references
from suite.report.cells import cell_key
from suite.report.check import seed_scores
from tests.launch.trials import TRIALS, run

PATH = Path(__file__).with_name("gate_scores.jsonl")
REFERENCES = Path(__file__).parents[2] / "results" / "references.json"


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial scored."""

    title: str
    broken: bool
    cell: str
    """See `suite.report.cells.cell_key`: the row of the gate, as it was run."""
    scores: dict[int, float]
    """By seed."""


def recorded() -> dict[str, Recorded]:
    """What the file has, by title."""
    lines = PATH.read_bytes().splitlines() if PATH.exists() else []
    found = [msgspec.json.decode(line, type=Recorded, strict=False) for line in lines]
    return {each.title: each for each in found}


def differences(reference: Reference, trial: Recorded) -> list[float]:
    """By how much the trial's seeds score more than those of the reference."""
    return [score - reference.means[seed] for seed, score in trial.scores.items()]


def with_spread(reference: Reference, trials: Iterable[Recorded]) -> Reference | None:
    """`reference` with the root mean square of the differences of its harmless trials.

    None where there are none.
    """
    clean = [each for each in trials if each.cell == reference.cell and not each.broken]
    squares = [move**2 for each in clean for move in differences(reference, each)]
    if not squares:
        return None
    return msgspec.structs.replace(
        reference,
        spread=float(f"{math.sqrt(math.fsum(squares) / len(squares)):.3g}"),
        spread_runs=len(squares),
        origin=f"{len(squares)} runs of harmless changes: tests/launch/{PATH.name}",
    )


def _record(title: str) -> None:
    """Run one trial, in this process, and add it to the file."""
    (trial,) = (trial for trial in TRIALS if trial.title == title)
    with tempfile.TemporaryDirectory() as folder:
        cell = run(trial, Path(folder))
    found = recorded()
    found[title] = Recorded(
        title=title,
        broken=trial.breaks is not None,
        cell=cell_key(cell.records[0]),
        scores=seed_scores(cell),
    )
    lines = [msgspec.json.encode(found[each.title]) for each in TRIALS if each.title in found]
    PATH.write_bytes(b"".join(line + b"\n" for line in lines))


def main(arguments: list[str]) -> None:
    """Each trial in a process of its own, since variables must stand before torch is loaded."""
    if arguments == ["--spreads"]:
        known, trials = read_references(REFERENCES), recorded().values()
        gate = tuple(with_spread(each, trials) or each for each in known.gate)
        write_references(msgspec.structs.replace(known, gate=gate), REFERENCES)
    elif arguments[:1] == ["--here"]:
        _record(arguments[1])
    else:
        there = recorded()
        wanted = arguments or [each.title for each in TRIALS if each.title not in there]
        for trial in (each for each in TRIALS if each.title in wanted):
            command = [sys.executable, "-m", "tests.launch.record_gate", "--here", trial.title]
            subprocess.run(command, check=True, env=os.environ | trial.environment)


if __name__ == "__main__":
    main(sys.argv[1:])
