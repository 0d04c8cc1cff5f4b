"""Axes of a drawing: from a value to a place between 0 and 1, and round numbers to mark."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 50.0, 100.0)
_MARKS = 5
"""About how many an axis has."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One direction of a drawing."""

    low: float
    high: float
    label: str
    log: bool = False
    whole: bool = False
    """Whether values between two integers have no meaning."""

    def at(self, value: float) -> float:
        """0 at the low end, 1 at the high one; outside of that beyond them."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        floor = self.low / 1e3
        span = math.log(self.high) - math.log(self.low)
        return (math.log(max(value, floor)) - math.log(self.low)) / span

    @property
    def marks(self) -> list[float]:
        """Round values within the axis."""
        return _decades(self) if self.log else _steps(self)


def linear(values: Iterable[float], label: str, *, limit: float = math.inf) -> Axis:
    """An axis around the finite ones of `values`, with a little room, up to `limit`."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.05
    return Axis(low=low - room, high=min(max(limit, high), high + room), label=label)


def logarithmic(values: Iterable[float], label: str) -> Axis:
    """An axis around the positive ones of `values`."""
    positive = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    return Axis(low=min(positive) / 1.6, high=max(positive) * 1.6, label=label, log=True)


def _steps(axis: Axis) -> list[float]:
    rough = (axis.high - axis.low) / _MARKS
    power = 10.0 ** math.floor(math.log10(rough))
    steps = (each * power for each in _STEPS if each * power >= rough * 0.999)
    step = next(each for each in steps if not axis.whole or each.is_integer())
    first, last = math.ceil(axis.low / step), math.floor(axis.high / step)
    return [count * step for count in range(first, last + 1)]


def _decades(axis: Axis) -> list[float]:
    powers = range(math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high)) + 1)
    fine = (1.0, 2.0, 5.0) if len(powers) <= 3 else (1.0,)
    found = [each * 10.0**power for power in powers for each in fine]
    return [value for value in found if axis.low <= value <= axis.high]
