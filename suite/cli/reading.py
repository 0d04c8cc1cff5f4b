"""The commands that read the registry; see `suite.cli.commands`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from suite.cli.options import Lenient, MaybePath, Results


@dataclass(frozen=True, kw_only=True)
class List:
    """List the settings, their methods and how many runs of each stand in the registry."""

    setting: Positional[Annotated[str | None, arg(metavar="[SETTING]", help_behavior_hint="")]] = (
        None
    )
    """Show this setting's configuration, each value with its source."""
    results: Results = Path("results")
    missing: bool = False
    """Print the commands that give every published number its five seeds instead."""
    lenient: Lenient = False


@dataclass(frozen=True, kw_only=True)
class Status:
    """Tell how far the sweeps of a registry are, on whatever machine, from the files they keep."""

    results: Results = Path("results")
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class Show:
    """Show one run: what it was, how it did beside the paper, what it cost, where it comes from."""

    run: Positional[Annotated[str, arg(metavar="RUN")]]
    """A record's file, the beginning of its key, or setting/method/seed."""
    results: Results = Path("results")
    json: bool = False
    """Print the record itself."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Draw what a trained policy does on test goals, or test tasks of a setting of images.

    Paths in 2-D navigation; frames of half-cheetah and ant, which need OpenGL. The weights come
    from the cache of the machine that trained them, or are those published beside the record.
    """

    run: Positional[Annotated[str, arg(metavar="RUN|SETTING")]]
    """A record's file, the beginning of its key, setting/method/seed, or a setting."""
    target: Positional[Annotated[Path, arg(metavar="FILE")]]
    """The file, a .png, .svg or .pdf; a .png for tasks."""
    results: Results = Path("results")
    data: MaybePath = None
    """Folder that holds the data set of a setting; by default SUITE_DATA, else a download."""


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Tell what two runs differ in: settings, environment, result."""

    first: Positional[Annotated[str, arg(metavar="RUN")]]
    """A record's file, the beginning of its key, or setting/method/seed."""
    second: Positional[Annotated[str, arg(metavar="RUN")]]
    """The same of the other run."""
    results: Results = Path("results")
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write the registry as one table, FILE.csv or FILE.parquet, a record a row.

    Outcomes of single tasks and curves are left out; parquet and TensorBoard need
    `pip install -e '.[export]'`.
    """

    target: Positional[Annotated[Path, arg(metavar="FILE")]]
    """The file; with --tensorboard a folder that is new or empty."""
    results: Results = Path("results")
    tensorboard: bool = False
    """Write the learning curves for TensorBoard instead."""
    lenient: Lenient = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write index.html, a page to look at, with tables.md and the figures, from the registry alone.

    The page is one file, needs no network, and has every record in a table to sort and filter. It
    takes 0.3 GB of memory, with 5,000 records 0.55 GB.
    """

    results: Results = Path("results")
    reports: Path = Path("reports")
    """Where to write."""
    check: bool = False
    """Write nothing; exit code 1 where the page or tables.md is not what the registry gives."""
    lenient: Lenient = False
    readme: MaybePath = None
    """A page to keep the table of how far each setting has come in, between its comments."""


@dataclass(frozen=True, kw_only=True)
class Tables(Report):
    """Write tables.md and the figures from the registry alone.

    It takes 0.3 GB of memory, with 5,000 records 0.55 GB.
    """

    check: bool = False
    """Write nothing; exit code 1 where tables.md is not what the registry gives."""
    show: bool = False
    """Print the numbers in brief too."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """Print the JSON schema of a record."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """Tell whether accuracy has fallen since the last release.

    The scores of short runs are compared with references seed by seed, by how far rounding alone
    moves a seed's score, and the verdicts on the registry with those of the release. Exit codes: 0
    passed, 1 a score or a verdict has moved, 2 there is no telling. With GITHUB_ACTIONS=true it
    annotates the commit. It takes 0.4 GB of memory beside its runs.
    """

    runs: Path = Path("build/check/results")
    """Where the short runs stand."""
    results: Results = Path("results")
    references: Path = Path("results/references.json")
    """What to compare with."""
    run: bool = False
    """Run the short runs that are missing first: minutes on two cores."""
    update: bool = False
    """Write the references anew instead, from what stands. Measured spreads are kept."""
    json: bool = False
    """Print JSON."""
