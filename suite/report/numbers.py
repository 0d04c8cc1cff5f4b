"""The scores of a cell after a number of gradient steps. Accuracies are fractions."""

import math
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from suite.errors import RegistryError
from suite.registry import Record
from suite.report.cells import Cell
from suite.settings import PaperNumber, Protocol, Setting
from suite.stats import ci95_seeds, ci95_tasks

HEAVY_TAIL = 10.0
"""Where the mean is more than this many times the median, a few tasks make up most of it, and the
median is shown too."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The runs of a cell at one gradient step."""

    mean: float | None
    """The mean over seeds of each run's mean over tasks; None where a task diverged."""
    ci95_seeds: float | None
    ci95_tasks: float | None
    """The median, over the runs, of the interval that each has over its tasks."""
    median: float | None
    """The median over seeds of each run's median over tasks; None where it is not finite."""
    diverged: int
    """The number of tasks, of all runs together, whose outcome is not finite."""
    tasks: int
    """The number of tasks of all runs together."""

    @property
    def heavy_tailed(self) -> bool:
        """Whether a few tasks make up most of the mean, so that the median should be shown."""
        if self.diverged or self.mean is None or self.median is None:
            return True
        return self.mean > HEAVY_TAIL * max(self.median, 0.0) > 0.0


@dataclass(frozen=True, kw_only=True)
class _Run:
    mean: float | None
    ci95_tasks: float | None
    median: float
    """The median over tasks; infinite where half of the tasks are."""
    diverged: int
    tasks: int


def summary_of(cell: Cell, step: int) -> Summary | None:
    """The cell after `step` gradient steps; None where its runs were not scored there."""
    if step not in cell.summaries:
        cell.summaries[step] = _summary(cell, step)
    found: Summary | None = cell.summaries[step]
    return found


def _summary(cell: Cell, step: int) -> Summary | None:
    runs = [_run(record, cell.setting.metric.name, step) for record in cell.records]
    scored = [run for run in runs if run is not None]
    if len(scored) < len(runs):
        return None
    means = [run.mean for run in scored if run.mean is not None]
    widths = [run.ci95_tasks for run in scored if run.ci95_tasks is not None]
    middle = median(run.median for run in scored)
    complete = len(means) == len(scored)
    return Summary(
        mean=fmean(means) if complete else None,
        ci95_seeds=ci95_seeds(means) if complete else None,
        ci95_tasks=median(widths) if len(widths) == len(scored) else None,
        median=middle if math.isfinite(middle) else None,
        diverged=sum(run.diverged for run in scored),
        tasks=sum(run.tasks for run in scored),
    )


def step_means(record: Record, metric: str) -> list[float]:
    """The mean over tasks after 0, 1, ... gradient steps; NaN where a task diverged."""
    return [math.nan if mean is None else mean for mean in record.metrics[metric].by_step]


def best_trained(cell: Cell) -> Record | None:
    """The run whose training return was the greatest at the end of its curve.

    The authors chose their printed runs in this way. It is None where there is one run, or where no
    run has a curve.
    """
    found = {
        record.curve[-1].train_metric: record
        for record in reversed(cell.records)
        if record.curve and record.curve[-1].train_metric is not None
    }
    return found[max(found)] if len(cell.records) > 1 and found else None


def outcomes(record: Record, metric: str, step: int) -> list[float]:
    """The outcome of each task after `step` gradient steps; infinite where it diverged."""
    return [math.inf if value is None else value for value in record.per_task[metric][step]]


def paper_number(
    setting: Setting, method: str, protocol: Protocol, step: int
) -> PaperNumber | None:
    """The printed number of that method and protocol after `step` steps, if there is one."""
    for number in setting.paper:
        printed_step = protocol.report_step if number.step is None else number.step
        if (number.method, number.protocol, printed_step) == (method, protocol.name, step):
            return number
    return None


def _run(record: Record, metric: str, step: int) -> _Run | None:
    try:
        result, rows = record.metrics[metric], record.per_task[metric]
    except KeyError:
        raise RegistryError(
            f"record {record.key} of {record.setting}/{record.method} is completed and has no "
            f"{metric}; delete it and run it again"
        ) from None
    if step >= min(len(rows), len(result.by_step)):
        return None
    tasks = len(rows[step])
    if step == record.protocol.report_step:
        middle = math.inf if result.median is None else result.median
        return _Run(
            mean=result.mean,
            ci95_tasks=result.ci95_tasks,
            median=middle,
            diverged=result.diverged,
            tasks=tasks,
        )
    scored = np.array(outcomes(record, metric, step))
    return _Run(
        mean=result.by_step[step],
        ci95_tasks=ci95_tasks(scored),
        median=float(np.median(scored)),
        diverged=rows[step].count(None),
        tasks=tasks,
    )
