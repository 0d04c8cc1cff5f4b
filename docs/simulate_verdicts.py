"""How often each verdict is said, when it is true and when it is not: writes `docs/verdicts.md`.

`python docs/simulate_verdicts.py` takes a quarter of a minute; the same seed gives the same page.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from suite.report.tables.text import table
from suite.stats import judge
from suite.stats.verdicts import Outcome

REPETITIONS = 4000
SEEDS = (3, 5, 10, 20)
SPREADS = (0.1, 0.3, 1.0, 3.0)
DIFFERENCES = (0.0, 1.0, 3.0)
PAPER_CI95 = 0.3
OUTCOMES: tuple[Outcome, ...] = ("reproduced", "consistent", "differs", "not enough seeds")
TASKS = 600

_PAGE = """# How often each verdict is said

Written by `python docs/simulate_verdicts.py`. Lengths are in margins: the margin is 1. A
training run of ours has our mean plus normal noise of **sd of seeds**, and is scored with normal
noise of a 95 % interval of {ci:g} margins over its tasks; the printed run is scored with the same
noise. We have **seeds** runs. Shares of {count:,} experiments, in percent.

## The printed run

Here **difference** is between our mean and what the printed model would score on all tasks.
This is what *reproduced* is about. With a difference of a margin it is wrong, and it is said in
{wrong:.1f} of 100 experiments at most.

{of_run}

## The method behind it

Here **difference** is between the mean of our method and that of the paper's, of which one run was
printed, with the same sd of seeds. This is what *differs* is about. With a difference of 0 it is
wrong, and it is said in {false:.1f} of 100 experiments at most. A difference of three margins is
found where seeds spread less than that. Where they spread as much, a printed run so far off is one
that our own method gives too, and more seeds do not change that. What was printed may also lie near
our mean by chance although the methods differ: only a second printed run could show that.

{of_method}
"""


def shares(
    seeds: int,
    spread: float,
    difference: float,
    *,
    of_method: bool,
    repetitions: int = REPETITIONS,
) -> dict[Outcome, float]:
    """Outcome to its share of the experiments, in percent; `difference` as on the page."""
    rng = np.random.default_rng([seeds, round(10 * spread), round(difference), of_method])
    of_tasks = PAPER_CI95 / 1.96
    noise = np.hypot(spread, of_tasks)
    printed = difference + (noise if of_method else of_tasks) * rng.normal(size=repetitions)
    ours = noise * rng.normal(size=(repetitions, seeds))
    said = Counter(
        judge(means, paper, PAPER_CI95, 1.0, tasks=TASKS).outcome
        for means, paper in zip(ours, printed, strict=True)
    )
    return {outcome: 100.0 * said[outcome] / repetitions for outcome in OUTCOMES}


def page() -> str:
    """The whole of `docs/verdicts.md`."""
    cases = [(d, spread, seeds) for d in DIFFERENCES for spread in SPREADS for seeds in SEEDS]
    run, method = (
        {case: shares(case[2], case[1], case[0], of_method=of_method) for case in cases}
        for of_method in (False, True)
    )
    return _PAGE.format(
        ci=PAPER_CI95,
        count=REPETITIONS,
        of_run=_table(run),
        of_method=_table(method),
        wrong=max(said["reproduced"] for case, said in run.items() if case[0] == 1.0),
        false=max(said["differs"] for case, said in method.items() if case[0] == 0.0),
    )


def _table(found: dict[tuple[float, float, int], dict[Outcome, float]]) -> str:
    rows = [
        [*(f"{value:g}" for value in case), *(f"{said[outcome]:.1f}" for outcome in OUTCOMES)]
        for case, said in found.items()
    ]
    headers = ["difference", "sd of seeds", "seeds", *OUTCOMES]
    return table(headers, rows)


if __name__ == "__main__":
    Path(__file__).with_name("verdicts.md").write_text(page(), encoding="utf-8")
