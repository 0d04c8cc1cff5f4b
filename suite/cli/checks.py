"""Checks of options that several commands share; each raises a `UsageError` of one line."""

from suite.errors import UsageError


def at_least_one(option: str, value: int | None) -> None:
    """`value`, where it was given, counts something."""
    if value is not None and value < 1:
        raise UsageError(f"--{option} {value}: at least 1 is needed")


def seeds_from_zero(seeds: tuple[int, ...]) -> None:
    """No seed is negative."""
    if seeds and min(seeds) < 0:
        raise UsageError(f"--seeds {' '.join(map(str, seeds))}: name seeds from 0 on")
