"""What the gate notices, and what it was tried with: writes `docs/gate.md`.

`python docs/describe_gate.py` reads `results/references.json` and what
`tests/launch/record_gate.py` recorded.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev

from suite.registry.references import Reference, read_references
from suite.report.check import compared_with, difference_digits, moved
from suite.report.tables.text import table
from suite.settings import get_setting
from suite.stats import noticed
from suite.stats.gate import LEVEL, apart, critical
from tests.launch.record_gate import REFERENCES, Recorded, recorded
from tests.launch.trials import BROKEN, CLEAN, Trial

_PAGE = """# What the gate notices

Written by `python docs/describe_gate.py`, from `results/references.json` and
[gate_scores.jsonl](../tests/launch/gate_scores.jsonl). Accuracies are in percent.

`suite check --run` trains several seeds of each row, small networks for a few hundred iterations.
It compares each seed with the same seed of the reference: both have the same initial weights and
the same tasks. On one machine the same code scores the same to the last digit. On another one, or
with another order of sums, training amplifies rounding. A seed's score then moves by the
**spread**, a standard deviation that changes without harm have shown.

A row fails in three ways. It **fell** or **rose** where the mean of the paired differences is
farther from zero than {critical:.2f} standard errors. These are of the measured spread, or of the
spread of the differences themselves where that is greater. It **changed** where its mean did
neither, but by an F-test the differences spread more than was measured: seeds moved both ways, and
farther than rounding moves them. So does a change that draws other tasks, which makes strangers of
a seed and its reference. A row whose spread is not measured cannot tell it. Of a thousand gates of
a harmless change, {thousandth:g} says of some row that it fell, {thousandth:g} that it rose,
{thousandth:g} that it changed.

## The rows

**Noticed** is the fall (for an error, the rise) that a row tells in 95 of 100 gates, if it is the
same for every seed and rounding does its part. Where the spread is not measured, that of the seeds
stands for it, which is greater: such a row notices less than it could. **Changed** is how many
times the measured spread the differences may spread.

{rows}

## Breakages

Where few seeds are enough, only those are run.{lacking}

{broken}

## Changes without harm

{clean}
"""

_LACKING = " {} trials are not recorded yet: `python -m tests.launch.record_gate` runs them."


def page() -> str:
    """The whole of `docs/gate.md`."""
    known, scored = read_references(REFERENCES).gate, recorded()
    tests = len(known)
    lacking = sum(trial.title not in scored for trial in (*BROKEN, *CLEAN))
    return _PAGE.format(
        lacking=_LACKING.format(lacking) if lacking else "",
        critical=critical(tests),
        thousandth=1000 * LEVEL,
        rows=table(
            ["row", "seeds", "score", "sd of seeds", "spread", "measured by", "noticed", "changed"],
            [_row(each, tests) for each in known],
        ),
        broken=table(
            ["what is broken", "row", "seeds", "difference", "the gate"],
            [[inspect.getdoc(each.breaks) or "", *_tried(each, scored, known)] for each in BROKEN],
        ),
        clean=table(
            ["change", "row", "seeds", "difference", "the gate"],
            [[each.name, *_tried(each, scored, known)] for each in CLEAN],
        ),
    )


def _row(reference: Reference, tests: int) -> list[str]:
    means, metric = reference.means.values(), get_setting(reference.setting).metric
    least = noticed(reference.spread, seeds=len(means), tests=tests)
    digits = difference_digits(metric)
    return [
        f"{reference.setting} {reference.method}",
        str(len(means)),
        metric.number(fmean(means)),
        *(metric.number(each, digits) for each in (stdev(means), reference.spread)),
        reference.origin.partition(":")[0],
        metric.number(least, digits),
        f"{apart(reference.spread_runs, seeds=len(means), tests=tests):.1f}",
    ]


def _tried(trial: Trial, scored: Mapping[str, Recorded], known: tuple[Reference, ...]) -> list[str]:
    """Row, seeds, the mean difference with its interval, and what the gate says."""
    found, metric = scored.get(trial.title), get_setting(trial.setting).metric
    row = f"{trial.setting} {trial.method}"
    if found is None:
        return [row, str(len(trial.seeds)), "–", "not recorded"]
    (reference,) = (each for each in known if each.cell == found.cell)
    compared = compared_with(reference, found.scores, len(known))
    return [row, str(len(found.scores)), moved(metric, compared), compared.status]


if __name__ == "__main__":
    Path(__file__).with_name("gate.md").write_text(page(), encoding="utf-8")
