"""Checks of options that several commands share; each raises a `UsageError` of one line."""

from collections.abc import Mapping, Sequence

from baselines import Method, method_of
from suite.errors import UsageError
from suite.registry.plausible import LARGEST_SEED
from suite.settings import Protocol, Setting


def at_least_one(option: str, value: int | None) -> None:
    """`value`, where it was given, counts something."""
    if value is not None and value < 1:
        raise UsageError(f"--{option} {value}: at least 1 is needed")


def seeds_from_zero(seeds: tuple[int, ...]) -> None:
    """No seed is negative, or longer than a generator and a table can hold."""
    if seeds and (min(seeds) < 0 or max(seeds) > LARGEST_SEED):
        raise UsageError(
            f"--seeds {' '.join(map(str, seeds))}: name seeds from 0 on, to {LARGEST_SEED} at most"
        )


def method_for(setting: Setting, name: str) -> Method:
    """The method of that name, which runs on `setting`."""
    method = method_of(setting, name)
    method.check(setting)
    return method


def protocols_named(
    names: Sequence[str], known: Mapping[str, Protocol], whose: str
) -> tuple[Protocol, ...]:
    """The protocols of `known` that have these names."""
    for name in names:
        if name not in known:
            raise UsageError(f"{whose} has no protocol '{name}'; it has: {', '.join(known)}")
    return tuple(known[name] for name in names)
