"""The kinds of options that commands share; each shows in `--help` what a user writes.

Those that may be left out say in words what then happens, and have no default to show.
"""

from pathlib import Path
from typing import Annotated, TypeVar

from tyro.conf import UseAppendAction, arg

MaybePath = Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")]
MaybeCount = Annotated[int | None, arg(metavar="INT", help_behavior_hint="")]
MaybeDuration = Annotated[str | None, arg(metavar="DURATION", help_behavior_hint="")]
MaybeName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
Names = Annotated[
    UseAppendAction[tuple[tuple[str, ...], ...]], arg(metavar="NAME ...", help_behavior_hint="")
]
Seeds = Annotated[
    UseAppendAction[tuple[tuple[int, ...], ...]], arg(metavar="INT ...", help_behavior_hint="")
]
Changes = Annotated[
    UseAppendAction[tuple[tuple[str, ...], ...]], arg(name="set", metavar="FIELD=VALUE ...")
]
T = TypeVar("T")


def joined(given: tuple[tuple[T, ...], ...]) -> tuple[T, ...]:
    """The values of a list option: where it is given again, they are added to those before."""
    return tuple(value for each in given for value in each)
