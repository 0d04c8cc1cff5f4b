"""The numbers of a record that follow from its others: how they are made, and checked.

`contradiction` is where a record is held to all that it must be, apart from its key.
"""

import math

import msgspec
import numpy as np
import numpy.typing as npt

from suite.registry.plausible import implausible, odd_outcomes
from suite.registry.schema import MetricResult, Record

Outcomes = tuple[tuple[float | None, ...], ...]
"""One row a gradient step, one column a task; None where it is not finite."""

Scores = npt.NDArray[np.float64]

# Another machine may add up in another order; the digit that an outcome is kept to moves more.
_RELATIVE, _OF_THE_GREATEST = 1e-11, 1e-13


def summarise(per_task: Outcomes, report_step: int) -> MetricResult:
    """The statistics of one metric; where nothing adapts, the only step is the reported one.

    Raises `ValueError` where the rows are not all of the same tasks, of which there is one at
    least.
    """
    return _summary(_scores(per_task), report_step)


def _scores(per_task: Outcomes) -> Scores:
    """(step, task), infinite where an outcome is not finite; a `ValueError` as in `summarise`."""
    scores = np.array(per_task, dtype=np.float64)
    if scores.ndim != 2 or not scores.size:
        raise ValueError("no outcomes")
    scores[np.isnan(scores)] = math.inf
    return scores


def _summary(scores: Scores, report_step: int) -> MetricResult:
    reported = scores[min(report_step, len(scores) - 1)]
    finite = np.isfinite(reported)
    with np.errstate(over="ignore", invalid="ignore"):
        width = 1.96 * float(reported.std()) / math.sqrt(reported.size) if finite.all() else None
        by_step = scores.mean(axis=1).tolist()
        middle = _median(reported)
    return MetricResult(
        mean=_finite(by_step[min(report_step, len(scores) - 1)]),
        ci95_tasks=None if width is None else _finite(width),
        by_step=tuple(map(_finite, by_step)),
        median=_finite(middle),
        diverged=int((~finite).sum()),
    )


def _median(values: Scores) -> float:
    """numpy's own takes ten times as long, for axes and NaN, of which there are none."""
    low, high = (values.size - 1) // 2, values.size // 2
    ordered = np.partition(values, (low, high))
    return float(ordered[low] if low == high else (ordered[low] + ordered[high]) / 2)


def contradiction(record: Record) -> str | None:
    """What in `record` its own protocol or its other parts contradict; None for nothing."""
    if (record.status == "failed") != (record.failure is not None):
        return f"its status is {record.status}, its failure says otherwise"
    if record.metrics.keys() != record.per_task.keys():
        return "metrics and per_task are not of the same metrics"
    if record.status == "completed" and not record.metrics:
        return "it is completed and has no metrics"
    for name, metric in record.metrics.items():
        per_task = record.per_task[name]
        try:
            scores = _scores(per_task)
        except ValueError:
            return f"per_task.{name} is not one row of the same tasks a step"
        if reason := odd_outcomes(record, name, scores):
            return reason
        expected = _summary(scores, record.protocol.report_step)
        if metric != expected and (field := _differing(metric, expected, per_task)):
            return f"metrics.{name}.{field} is not what its per_task gives"
    return implausible(record)


def _differing(metric: MetricResult, expected: MetricResult, per_task: Outcomes) -> str | None:
    """The first field in which they differ by more than the order of additions explains."""
    greatest = max((abs(each) for row in per_task for each in row if each is not None), default=0.0)
    for name, value in msgspec.structs.asdict(expected).items():
        ours = getattr(metric, name)
        pairs = [(ours, value)]
        if name == "by_step":
            if len(ours) != len(value):
                return name
            pairs = list(zip(ours, value, strict=True))
        if not all(_close(*pair, _OF_THE_GREATEST * greatest) for pair in pairs):
            return name
    return None


def _close(one: float | None, other: float | None, difference: float) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=difference)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
