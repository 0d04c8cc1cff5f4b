"""The commands that read the registry, and their options; slow imports stand in the functions."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from suite.cli.options import MaybePath

if TYPE_CHECKING:
    from suite.cli.limits import Limits


def list_(
    setting: Positional[
        Annotated[str | None, arg(metavar="[SETTING]", help_behavior_hint="")]
    ] = None,
    /,
    results: Path = Path("results"),
    missing: bool = False,
    lenient: bool = False,
) -> None:
    """List the settings, their methods and how many runs of each stand in the registry.

    Args:
        setting: Show this setting's configuration, each value with its source.
        results: The registry.
        missing: Print the commands that give every published number its five seeds instead.
        lenient: Leave bad records out, named in the log, instead of stopping at them.
    """
    if missing:
        from suite.cli.inspect import show_missing

        show_missing(results, setting, lenient=lenient)
        return
    from suite.cli.listing import show_overview, show_setting

    if setting is None:
        show_overview(results, lenient=lenient)
    else:
        show_setting(setting)


def show(
    run: Positional[Annotated[str, arg(metavar="RUN")]],
    /,
    results: Path = Path("results"),
    json: bool = False,
) -> int:
    """Show one run: what it was, how it did beside the paper, what it cost, where it comes from.

    Args:
        run: A record's file, the beginning of its key, or setting/method/seed.
        results: The registry.
        json: Print the record itself.
    """
    from suite.cli.show import show_run

    return show_run(run, results, as_json=json)


def picture(
    run: Positional[Annotated[str, arg(metavar="RUN|SETTING")]],
    target: Positional[Annotated[Path, arg(metavar="FILE")]],
    /,
    results: Path = Path("results"),
    data: MaybePath = None,
) -> int:
    """Draw what a trained policy does on test goals, or test tasks of a setting of images.

    Paths in 2-D navigation; frames of half-cheetah and ant, which need OpenGL. The weights come
    from the cache of the machine that trained them, or are those published beside the record.

    Args:
        run: A record's file, the beginning of its key, setting/method/seed, or a setting.
        target: The file, a .png, .svg or .pdf; a .png for tasks.
        results: The registry.
        data: Folder that holds the data set of a setting; by default SUITE_DATA, else a download.
    """
    from suite.cli.picture import draw

    return draw(run, target, results, data)


def diff(
    first: Positional[Annotated[str, arg(metavar="RUN")]],
    second: Positional[Annotated[str, arg(metavar="RUN")]],
    /,
    results: Path = Path("results"),
    json: bool = False,
) -> int:
    """Tell what two runs differ in: settings, environment, result.

    Args:
        first: A record's file, the beginning of its key, or setting/method/seed.
        second: The same of the other run.
        results: The registry.
        json: Print JSON.
    """
    from suite.cli.inspect import show_difference

    return show_difference((first, second), results, as_json=json)


def export(
    target: Positional[Annotated[Path, arg(metavar="FILE")]],
    /,
    results: Path = Path("results"),
    tensorboard: bool = False,
    lenient: bool = False,
) -> int:
    """Write the registry as one table, FILE.csv or FILE.parquet, a record a row.

    Outcomes of single tasks and curves are left out; parquet and TensorBoard need
    `pip install -e '.[export]'`.

    Args:
        target: The file; with --tensorboard a folder that is new or empty.
        results: The registry.
        tensorboard: Write the learning curves for TensorBoard instead.
        lenient: Leave bad records out, named in the log, instead of stopping at them.
    """
    from suite.cli.inspect import export_registry

    return export_registry(target, results, curves=tensorboard, lenient=lenient)


def tables(
    results: Path = Path("results"),
    reports: Path = Path("reports"),
    show: bool = False,
    check: bool = False,
    lenient: bool = False,
    readme: MaybePath = None,
) -> int:
    """Write tables.md and the figures from the registry alone.

    It takes 0.3 GB of memory, with 5,000 records 0.55 GB.

    Args:
        results: The registry.
        reports: Where to write.
        show: Print the numbers in brief too.
        check: Write nothing; exit code 1 where tables.md is not what the registry gives.
        lenient: Leave bad records out, named in the log, instead of stopping at them.
        readme: A page to keep the table of how far each setting has come in, between its comments.
    """
    from suite.cli.limits import ended_by_signals
    from suite.cli.report import check as compare
    from suite.cli.report import write

    def command(limits: "Limits") -> int:
        if check:
            return compare(results, reports, limits, page=False, lenient=lenient, readme=readme)
        return write(
            results, reports, limits, page=False, lenient=lenient, readme=readme, show=show
        )

    return ended_by_signals(command)


def report(
    results: Path = Path("results"),
    reports: Path = Path("reports"),
    check: bool = False,
    lenient: bool = False,
    readme: MaybePath = None,
) -> int:
    """Write index.html, a page to look at, with tables.md and the figures, from the registry alone.

    The page is one file, needs no network, and has every record in a table to sort and filter. It
    takes 0.3 GB of memory, with 5,000 records 0.55 GB.

    Args:
        results: The registry.
        reports: Where to write.
        check: Write nothing; exit code 1 where the page or tables.md is not what the registry
            gives.
        lenient: Leave bad records out, named in the log, instead of stopping at them.
        readme: A page to keep the table of how far each setting has come in, between its comments.
    """
    from suite.cli.limits import ended_by_signals
    from suite.cli.report import check as compare
    from suite.cli.report import write

    made = compare if check else write
    return ended_by_signals(
        lambda limits: made(results, reports, limits, page=True, lenient=lenient, readme=readme)
    )


def schema() -> None:
    """Print the JSON schema of a record."""
    from suite.registry.schema import json_schema

    print(json.dumps(json_schema(), indent=2, sort_keys=True))


def check(
    runs: Path = Path("build/check/results"),
    results: Path = Path("results"),
    references: Path = Path("results/references.json"),
    run: bool = False,
    update: bool = False,
    json: bool = False,
) -> int:
    """Tell whether accuracy has fallen since the last release.

    The scores of short runs are compared with references by Welch's one-sided test and a margin,
    and the verdicts on the registry with those of the release. Exit codes: 0 passed, 1 a score or
    a verdict has moved, 2 that cannot be told. With GITHUB_ACTIONS=true it annotates the commit.
    It takes 0.4 GB of memory beside its runs.

    Args:
        runs: Where the short runs stand.
        results: The registry.
        references: What to compare with.
        run: Run the short runs that are missing first: minutes on two cores.
        update: Write the references anew instead, from what stands.
        json: Print JSON.
    """
    from suite.cli.check import check_command
    from suite.cli.limits import ended_by_signals

    return ended_by_signals(
        lambda limits: check_command(
            runs=runs,
            results=results,
            references=references,
            limits=limits,
            run=run,
            update=update,
            json=json,
        )
    )
