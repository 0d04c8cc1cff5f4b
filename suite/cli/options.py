"""The kinds of options that commands share; each shows in `--help` what a user writes.

Those that may be left out say in words what then happens, and have no default to show. A kind that
means the same wherever it stands has its help here, the others in their command.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from tyro.conf import UseAppendAction, arg

MaybePath = Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")]
MaybeCount = Annotated[int | None, arg(metavar="INT", help_behavior_hint="")]
MaybeNumber = Annotated[float | None, arg(metavar="NUMBER", help_behavior_hint="")]
Duration = Annotated[str, arg(metavar="DURATION")]
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

Results = Annotated[Path, arg(help="The registry.")]
Lenient = Annotated[
    bool, arg(help="Leave bad records out, named in the log, instead of stopping at them.")
]
DataFolder = Annotated[
    MaybePath,
    arg(help="Folder that holds the data set; by default SUITE_DATA, else a download."),
]
Device = Annotated[
    str,
    arg(
        metavar="{auto,cpu,cuda}",
        help="auto is the GPU where there is one. Of several GPUs cuda:1 is the second.",
    ),
]
Threads = Annotated[MaybeCount, arg(help="CPU threads of torch; by default torch's own choice.")]
Length = Annotated[
    Literal["paper", "short"],
    arg(help="The paper's, or a short one for a look, recorded as shortened."),
]
Iterations = Annotated[
    MaybeCount,
    arg(
        help="Meta-iterations; the schedule's by default. Fewer than the paper's are recorded as "
        "shortened."
    ),
]
TimeLimit = Annotated[
    MaybeDuration,
    arg(help="Stop cleanly before so much time has passed, for example 9m or 1h30m."),
]
T = TypeVar("T")


def joined(given: tuple[tuple[T, ...], ...]) -> tuple[T, ...]:
    """The values of a list option: where it is given again, they are added to those before."""
    return tuple(value for each in given for value in each)
