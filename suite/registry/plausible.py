"""What a record may say under its own protocol: so many outcomes, in such a range, in such order.

`suite.registry.summary` holds the numbers of a record to one another; here they are held to what a
run of the record's setting, schedule and protocol can give.
"""

import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from operator import attrgetter, lt
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from suite.registry.schema import Example, Record
from suite.settings import METRICS, SETTINGS, Metric
from suite.settings.metrics import LARGEST

LARGEST_SEED = 2**63 - 1
"""Tables and generators take no larger integer."""
_LARGEST_COUNT = 2**53
_MOST_ATTEMPTS = 10_000
_DEEPEST_OPTION = 8
# They are names of folders, and stand in links and commands.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def unhashable(record: Record) -> str | None:
    """Why no key can be made of `record`; None where one can."""
    if _depth(record.options) > _DEEPEST_OPTION:
        return f"its options are nested more than {_DEEPEST_OPTION} deep"
    return None


def implausible(record: Record) -> str | None:
    """What in `record` no run of its protocol can have given; None where there is nothing."""
    return next(_faults(record), None)


def _faults(record: Record) -> Iterator[str]:
    for part, name in (("setting", record.setting), ("method", record.method)):
        if not _NAME.fullmatch(name):
            yield f"its {part} is not a name of letters, digits and . _ + -"
    if not 0 <= record.seed <= LARGEST_SEED:
        yield f"its seed {record.seed} is not from 0 to {LARGEST_SEED}"
    if not 0 <= record.attempt < _MOST_ATTEMPTS:
        yield f"its attempt {record.attempt} is not from 0 to {_MOST_ATTEMPTS - 1}"
    protocol = record.protocol
    if protocol.report_step > protocol.steps:
        yield f"protocol.report_step {protocol.report_step} is beyond its {protocol.steps} steps"
    yield from _odd_numbers(record)
    yield from _odd_metrics(record)
    yield from _odd_curve(record)
    for at, example in enumerate(record.examples):
        yield from _odd_example(example, f"examples[{at}]", protocol.steps)


def _odd_metrics(record: Record) -> Iterator[str]:
    if record.status == "failed":
        if record.per_task or record.metrics:
            yield "it failed and has outcomes"
        return
    wanted = {metric.name for metric in _metrics(record)}
    if len(record.per_task) != 1 or not wanted.issuperset(record.per_task):
        named = ", ".join(sorted(record.per_task)) or "none"
        yield f"its metrics are {named}, not {' or '.join(sorted(wanted))} alone"


def odd_outcomes(record: Record, metric: str, scores: npt.NDArray[np.float64]) -> str | None:
    """What in `scores`, (step, task), cannot be of the record's protocol; None where all can.

    A score is infinite where the outcome is not finite.
    """
    steps, tasks = record.protocol.steps + 1, record.protocol.tasks
    if len(scores) != steps:
        return f"per_task.{metric} has {len(scores)} rows, its protocol has {steps}: a row a step"
    if scores.shape[1] != tasks:
        return (
            f"per_task.{metric} has {scores.shape[1]} outcomes a step, its protocol {tasks} tasks"
        )
    known = next((each for each in METRICS.values() if each.name == metric), None)
    if known is None:
        return None
    low, high = known.low, known.high
    if scores.min() >= low and scores.max() <= high:
        return None
    found = scores[np.isfinite(scores) & (scores != 0.0)]
    if found.size and (found.min() < low or found.max() > high):
        return f"per_task.{metric} has an outcome that is not from {low:g} to {high:g}"
    return None


def _metrics(record: Record) -> list[Metric]:
    """The setting's metric; every metric where this suite does not have the setting."""
    setting = SETTINGS.get(record.setting)
    return [setting.metric] if setting else list(METRICS.values())


def _odd_curve(record: Record) -> Iterator[str]:
    metrics = _metrics(record)
    low, high = min(each.low for each in metrics), max(each.high for each in metrics)
    curve = record.curve
    iterations = [0, *map(attrgetter("iteration"), curve)]
    if not all(map(lt, iterations, iterations[1:])):
        before, at = next(pair for pair in pairwise(iterations) if not lt(*pair))
        yield f"its curve goes from iteration {before} to {at}"
        return
    if iterations[-1] > record.schedule.iterations:
        length = record.schedule.iterations
        yield f"its curve goes to iteration {iterations[-1]}, its schedule to {length}"
    for name in ("train_metric", "validation_metric"):
        if _beyond([*map(attrgetter(name), curve)], low, high):
            yield f"its curve has a {name} that is not from {low:g} to {high:g}"
    for name in ("train_loss", "before", "divergence"):
        if _beyond([*map(attrgetter(name), curve)], -LARGEST, LARGEST):
            yield f"its curve has a {name} beyond single precision"


def _odd_example(example: Example, name: str, steps: int) -> Iterator[str]:
    x = example.x
    if len(x) < 2 or not all(map(lt, x, x[1:])):
        yield f"{name}.x does not rise"
    if {len(example.truth), *map(len, example.by_step.values())} != {len(x)}:
        yield f"{name} has not one value for each x"
    if not example.support_x or len(example.support_x) != len(example.support_y):
        yield f"{name} has not one support_y for each support_x"
    if not all(step.isdecimal() and int(step[:9]) <= steps for step in example.by_step):
        yield f"{name}.by_step has steps that its protocol has not"
    drawn = (x, example.truth, example.support_x, example.support_y, *example.by_step.values())
    if any(_beyond(values, -LARGEST, LARGEST) for values in drawn):
        yield f"{name} has a value beyond single precision"


def _beyond(values: Sequence[float | None], low: float, high: float) -> bool:
    """Whether any value is neither zero, nor None, nor from `low` to `high`."""
    # At the speed of C: first as they are, which decides for most, then without zeros and None.
    with contextlib.suppress(TypeError, ValueError):
        if low <= min(values) and max(values) <= high:  # type: ignore[type-var, operator]
            return False
    found = [*filter(None, values)]
    return bool(found) and (min(found) < low or max(found) > high)


def _odd_numbers(record: Record) -> Iterator[str]:
    """What is odd in the numbers of everything but outcomes, curve and examples."""
    timing = msgspec.structs.asdict(record.timing)
    for name, value in timing.items():
        if value is not None and value < 0:
            yield f"timing.{name} is negative"
    if not record.options.keys() >= set(record.provenance.changed_options):
        yield "provenance.changed_options has a name that is none of its options"
    if record.provenance.threads < 1:
        yield "provenance.threads is less than 1"
    if record.timing.seeds_together < 1:
        yield "timing.seeds_together is less than 1"
    if record.data.split is not None and min(record.data.split.counts) < 0:
        yield "data.split.counts has a negative number"
    parts = {
        "config": msgspec.structs.astuple(record.config),
        "schedule": msgspec.structs.astuple(record.schedule),
        "protocol": msgspec.structs.astuple(record.protocol),
        "options": record.options.values(),
        "selected": record.selected.values(),
        "timing": timing.values(),
        "provenance.threads": (record.provenance.threads,),
        "data.split": msgspec.structs.astuple(split) if (split := record.data.split) else (),
    }
    numbers: dict[str, list[float]] = {name: [] for name in parts}
    for name, part in parts.items():
        _gather(part, numbers[name])
    if _small(chain.from_iterable(numbers.values())):
        return
    for name, found in numbers.items():
        if not all(map(_fits, found)):
            yield f"{name} has a number that is too large"


def _small(values: Iterable[float]) -> bool:
    """Whether their sum is below what is too large for one: quickly known, and true of most."""
    try:
        return sum(map(abs, values)) <= _LARGEST_COUNT
    except OverflowError:
        return False


def _fits(value: float) -> bool:
    if isinstance(value, int):
        return abs(value) <= _LARGEST_COUNT
    return math.isfinite(value) and abs(value) <= LARGEST


def _gather(values: Iterable[Any], numbers: list[float]) -> None:
    """Add all numbers in `values`, and in what they hold, to `numbers`."""
    for value in values:
        # JSON gives these types and no subtype, and to compare them is faster than `isinstance`.
        kind = type(value)
        if kind is float or kind is int:
            numbers.append(value)
        elif kind is list or kind is tuple:
            _gather(value, numbers)
        elif kind is dict:
            _gather(value.values(), numbers)
        elif kind is not str and isinstance(value, int | float):
            numbers.append(value)


def _depth(value: Any) -> int:
    """Levels of lists and objects; without recursion, since nothing has bounded them yet."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        if depth > _DEEPEST_OPTION:
            break
        level = [
            part for each in level for part in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
