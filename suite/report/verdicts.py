"""The summary at the top of the tables: every published number, ours beside it, and a verdict."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from suite.report.cells import Cell
from suite.report.numbers import Summary, outcomes, summary_of
from suite.report.tables import text
from suite.report.tables.notes import Numbering, footnotes, mark, method_label
from suite.settings import SETTINGS, PaperNumber, Protocol, Setting
from suite.stats import (
    NOT_RUN,
    Components,
    Verdict,
    ci95_tasks,
    judge,
    variance_components,
)
from suite.stats.verdicts import LEAST_SEEDS, LEVEL, SEEDS_TO_PREDICT, WIDE

_SHOWN = ("reproduced", "differs")
_HEADERS = (
    *("setting", "method", "paper", "ours ± over seeds", "ours - paper, 95 %", "margin"),
    *("verdict", "seeds", "sd of seeds", "sd of tasks", "one more seed, 95 %"),
)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One published number, and the verdict of our runs on it."""

    setting: Setting
    protocol: Protocol
    step: int
    printed: PaperNumber
    cell: Cell | None
    """Our runs at the paper's schedule; None where there are none."""
    summary: Summary | None
    margin: float
    """The greatest difference that does not matter, in the unit of the number."""
    verdict: Verdict
    components: Components | None

    @property
    def next_seed(self) -> tuple[float, float] | None:
        """The interval for the mean of one more training run of ours; None below three seeds."""
        difference, reach = self.verdict.difference, self.verdict.pi95
        if difference is None or reach is None or len(self.seeds) < LEAST_SEEDS:
            return None
        middle = self.printed.value + difference
        return middle - reach, middle + reach

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of our runs."""
        return () if self.cell is None else tuple(record.seed for record in self.cell.records)

    @property
    def words(self) -> str:
        """The verdict in words, and how much better ours is where the runs show that it is."""
        verdict = self.verdict.outcome + (", wide" if self.verdict.wide else "")
        difference = self.verdict.difference
        metric = self.setting.metric
        gain = 0.0 if difference is None else metric.gain(difference)
        if not self.verdict.shown or gain <= 0.0:
            return verdict
        by = metric.number(gain, metric.digits(self.printed.value))
        return f"{verdict}, better by {by}"

    @property
    def name(self) -> str:
        """A name that no other number has, for `results/references.json`."""
        return f"{self.setting.id} {self.printed.method} {self.protocol.name} step {self.step}"


def judged(cells: Iterable[Cell]) -> list[Judged]:
    """A verdict on every published number, in the order of the settings.

    A number may have several cells, of runs on different copies of the data. The cell with the most
    seeds is judged.
    """
    found: dict[tuple[str, str, Protocol], Cell] = {}
    for cell in cells:
        row = (cell.setting.id, cell.method, cell.protocol)
        if cell.category == "paper" and len(cell.records) > _seeds(found.get(row)):
            found[row] = cell
    rows = []
    for setting in SETTINGS.values():
        for printed in setting.paper:
            by_name = {each.name: each for each in setting.recipe(printed.method).protocols}
            protocol = by_name[printed.protocol]
            step = protocol.report_step if printed.step is None else printed.step
            cell_of = found.get((setting.id, printed.method, protocol))
            rows.append(_judge(setting, protocol, step, printed, cell_of))
    return rows


def _seeds(cell: Cell | None) -> int:
    return 0 if cell is None else len(cell.records)


def _judge(
    setting: Setting, protocol: Protocol, step: int, printed: PaperNumber, cell: Cell | None
) -> Judged:
    margin = setting.metric.margin(setting.margin, printed.value)
    summary = None if cell is None else summary_of(cell, step)
    verdict, components = NOT_RUN, None
    if cell is not None and summary is not None:
        scores = [outcomes(record, setting.metric.name, step) for record in cell.records]
        means = [math.fsum(each) / len(each) for each in scores]
        # Where none is printed: one model on as many tasks is known no better than ours.
        width = printed.ci95_tasks or summary.ci95_tasks or margin
        same_tasks = all(len(each) == len(printed.per_task) for each in scores)
        if same_tasks:
            differences = [
                math.fsum(of_task) / len(means) - theirs
                for *of_task, theirs in zip(*scores, printed.per_task, strict=True)
            ]
            width = ci95_tasks(differences) or width
        verdict = judge(means, printed.value, width, margin, tasks=protocol.tasks)
        components = variance_components(scores, same_tasks=same_tasks)
    return Judged(
        setting=setting,
        protocol=protocol,
        step=step,
        printed=printed,
        cell=cell,
        summary=summary,
        margin=margin,
        verdict=verdict,
        components=components,
    )


def render_summary(rows: Sequence[Judged]) -> list[str]:
    """The blocks of the summary: how many numbers are reproduced, and the table of verdicts."""
    counts = Counter(row.verdict.outcome for row in rows)
    run = len(rows) - counts["not run"]
    wide = sum(row.verdict.wide for row in rows)
    of_wide = f" ({wide} of them wide)" if wide else ""
    tested = sum(_seeds(row.cell) >= LEAST_SEEDS for row in rows)
    numbering: Numbering = {}
    lines = [_row(row, numbering) for row in rows]
    return [
        "## Summary",
        f"Of {len(rows)} published numbers {run} have runs at the paper's schedule: "
        f"{counts['reproduced']} reproduced, {counts['consistent']} consistent{of_wide}, "
        f"{counts['differs']} differ, {counts['not enough seeds']} have not enough seeds; "
        f"{counts['not run']} are not run. "
        "`suite list --missing` prints the commands that fill the rest.",
        text.table(_HEADERS, lines),
        *(["\n".join(footnotes(numbering))] if numbering else []),
        _READING,
        f"Expected false alarms: {tested} numbers have {LEAST_SEEDS} seeds or more. Were each of "
        f"them one more run of ours, at most {LEVEL * tested:.1f} would be said to differ, by "
        "chance; did each printed model differ from our mean by its margin, at most "
        f"{LEVEL * tested:.1f} would be called reproduced. `docs/verdicts.md` has how often each "
        "verdict is said, by simulation.",
    ]


_READING = f"""\
The paper's number is of one training run, so two things are asked: whether our mean agrees with it
to within the margin, and whether it could be one more run of ours.

- **reproduced**: our mean is equivalent to the printed number. Two one-sided tests at the level
  {LEVEL:g} reject a difference of the margin. A smaller difference may be shown all the same:
  *better by* names one that is in our favour.
- **consistent**: that is not shown, and from {SEEDS_TO_PREDICT} seeds on the number does not differ
  either: it may be one more run of ours. *Wide*: the interval for one more run reaches over more
  than {WIDE:g} margins to either side, so that much would be consistent.
- **differs**: the difference is greater than the margin and than its own 95 % interval, and the
  number lies outside the 95 % interval for one more run of ours.
- **not enough seeds**: none of these, or there are fewer than {LEAST_SEEDS} seeds.
- **ours - paper**: its interval joins our seeds with the paper's ± over tasks. Where the paper
  prints none, that of our own models stands in. For returns, whose test goals are the paper's own,
  it is the ± of the differences goal by goal.
- **margin**: a default of the setting (`Setting.margin`): percentage points, for a mean squared
  error a share of the paper's number, for returns a twentieth of what lies between random
  initialization and the oracle. The sinusoid's was chosen when its runs stood, all others before.
- **sd of seeds, sd of tasks**: between trained models, and between the test tasks of one model, by
  an analysis of variance: nested, and crossed for returns, where all seeds have the same goals.
- **one more seed, 95 %**: where the mean of another training run of ours would lie, by Student's
  prediction interval, which takes seeds to be normal."""


def _row(row: Judged, numbering: Numbering) -> list[str]:
    setting, outcome = row.setting, row.verdict.outcome
    method = method_label(row.cell, [row.cell]) if row.cell else row.printed.method
    shown = numbers(row)
    return [
        ", ".join((setting.title, *steps_shown(row))),
        method + mark(numbering, setting, row.printed.method, None),
        shown.paper,
        shown.ours,
        shown.difference,
        shown.margin,
        row.words.replace(outcome, f"**{outcome}**") if outcome in _SHOWN else row.words,
        str(_seeds(row.cell)),
        shown.sd_seeds,
        shown.sd_tasks,
        shown.next_seed,
    ]


def steps_shown(row: Judged) -> tuple[str, ...]:
    """The gradient steps of a number, where its setting prints several."""
    if not row.setting.metric.by_step:
        return ()
    return (f"{row.step} step{'' if row.step == 1 else 's'}",)


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of a row as text, in the unit of the tables."""

    paper: str
    ours: str
    difference: str
    margin: str
    sd_seeds: str
    sd_tasks: str
    next_seed: str


def numbers(row: Judged) -> Numbers:
    """The numbers that are shown of a row, to the digits that the paper prints."""
    setting, verdict, components = row.setting, row.verdict, row.components
    metric = setting.metric
    decimals = metric.digits(row.printed.value)
    shown = text.NOTHING
    if verdict.difference is not None:
        difference = metric.number(verdict.difference, decimals, sign="+")
        width = verdict.ci95
        interval = text.NOTHING if width is None else metric.number(width, decimals)
        shown = f"{difference} ± {interval}"
    deviations = [text.NOTHING] * 2
    if components is not None:
        both = (components.seed, components.task)
        deviations = [metric.number(each, decimals) for each in both]
    next_seed = text.NOTHING
    if row.next_seed is not None:
        next_seed = " to ".join(metric.number(each, decimals) for each in row.next_seed)
    return Numbers(
        paper=text.paper_cell(row.printed, setting),
        ours=text.NOTHING if row.summary is None else text.our_cell(row.summary, setting),
        difference=shown,
        margin=f"± {metric.number(row.margin, decimals)}",
        sd_seeds=deviations[0],
        sd_tasks=deviations[1],
        next_seed=next_seed,
    )
