"""The commands by which trainings and weights travel; see `suite.cli.commands`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from suite.cli.options import Results


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Write the trainings in the cache into one FILE.pack, to go on elsewhere or to be scored.

    Unfinished and finished ones, each with its last weights, its best, and all that is needed to go
    on to the last bit. `suite unpack FILE.pack` takes them into another machine's cache. A training
    that is under way is packed as it was last saved.
    """

    names: Positional[
        Annotated[tuple[str, ...], arg(metavar="FILE [RUN...]", help_behavior_hint="")]
    ] = ()
    """The file, and which trainings: each by a record (its file, the beginning of its key), by
    setting/method/seed, or by the beginning of its own name; by default all."""
    unfinished: bool = False
    """Without FILE: write unfinished trainings into results/unfinished, a file each, where `suite
    run` finds them. By default those of ten minutes and more. What is finished since is removed
    there."""
    results: Results = Path("results")


@dataclass(frozen=True, kw_only=True)
class Unpack:
    """Take the trainings of a pack into the cache: `suite run` goes on from them.

    Every one is checked first, by sha256 and by what it says of itself; no code in it is run. One
    that is as far or further in the cache is left as it is. Exit codes: 0 done, 2 the file is no
    sound pack, or a training is under way here.
    """

    source: Positional[Annotated[Path, arg(metavar="FILE")]]
    """What `suite pack` wrote."""


@dataclass(frozen=True, kw_only=True)
class Publish:
    """Put weights from the cache beside their records: results/SETTING/METHOD/weights/.

    With them `suite evaluate`, `verify` and `picture` need no training. Only weights whose sha256 a
    record names are taken, the last of its training and the best ones, of 1 MB at most.
    """

    runs: Positional[
        Annotated[tuple[str, ...], arg(metavar="[RUN...]", help_behavior_hint="")]
    ] = ()
    """Records: each by its file, the beginning of its key, or setting/method/seed; by default those
    of seed 0 that are the paper's, as far as their weights are in the cache."""
    results: Results = Path("results")
