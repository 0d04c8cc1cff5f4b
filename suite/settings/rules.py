"""The kinds of values that a field can have, each with words that tell a user of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_LAYERS, _UNITS = 10, 2_048
_LARGEST = 1e38
"""All is computed in single precision."""


@dataclass(frozen=True)
class Rule:
    """What a value must be, in words that follow "must be", and the test of it."""

    words: str
    fits: Callable[[Any], bool]

    def or_null(self) -> "Rule":
        """Likewise, or None."""
        return Rule(f"{self.words}, or null", lambda value: value is None or self.fits(value))


def whole(least: int, most: int) -> Rule:
    """An integer of that range."""
    words = f"a whole number from {least} to {most:,}"
    return Rule(words, lambda value: type(value) is int and least <= value <= most)


def number(most: float = _LARGEST) -> Rule:
    """A number above 0."""
    words = "a positive number" + (f", {most:g} at most" if most < _LARGEST else "")
    return Rule(words, lambda value: type(value) in (int, float) and 0 < value <= most)


def choice(*names: str) -> Rule:
    """One of these."""
    return Rule(f"one of {', '.join(names)}", lambda value: value in names)


NULL = Rule("null", lambda value: value is None)
FLAG = Rule("true or false", lambda value: type(value) is bool)
HIDDEN = Rule(
    f"a list of 1 to {_LAYERS} whole numbers from 1 to {_UNITS:,}, such as [64,64]",
    lambda value: (
        type(value) is tuple
        and 1 <= len(value) <= _LAYERS
        and all(whole(1, _UNITS).fits(each) for each in value)
    ),
)
