"""`suite diff`, `suite list --missing` and `suite export`."""

import shlex
from pathlib import Path

import msgspec
from rich.console import Console
from tabulate import tabulate

from suite.cli.reading import Diff, Export, List
from suite.cli.registries import registry_at
from suite.errors import UsageError
from suite.launch.missing import missing_jobs
from suite.launch.plans import DEFAULT_SEEDS
from suite.registry.compact import compact
from suite.registry.export import write_curves, write_frame
from suite.registry.find import find_record
from suite.report.cells import collect
from suite.report.record import difference, differing
from suite.report.verdicts import judged
from suite.settings import get_setting
from suite.stats.verdicts import LEAST_SEEDS


def diff_command(options: Diff) -> int:
    """See `Diff`; the exit code."""
    registry = registry_at(options.results, needed=False)
    first, second = (find_record(registry, each) for each in (options.first, options.second))
    found, score = differing(first, second), difference(first, second)
    if options.json:
        content = {"differing": [vars(each) for each in found], "difference": score}
        print(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())
        return 0
    rows = [(each.part, each.name, each.first, each.second) for each in found]
    names = [f"{each.setting} {each.method} {each.seed}" for each in (first, second)]
    print(tabulate(rows, ("", "", *names), tablefmt="plain", disable_numparse=True))
    if first.key == second.key:
        print(f"the same run, key {first.key}")
    if score is not None:
        print(f"second minus first: {score}")
    return 0


def show_missing(options: List) -> None:
    """Print the commands that fill the paper's empty cells, and how many cells those are."""
    results = options.results
    registry = registry_at(results, needed=False, lenient=options.lenient)
    rows = judged(collect(map(compact, registry.records())).cells)
    if options.setting is not None:
        chosen = get_setting(options.setting)
        rows = [row for row in rows if row.setting is chosen]
    where = "" if results == Path("results") else f" --results {shlex.quote(str(results))}"
    for job in missing_jobs(rows):
        seeds = " ".join(map(str, job.seeds))
        print(f"suite run {job.setting} {job.method} --seeds {seeds}{where}")
    wanting = len({row.name for row in rows if len(row.seeds) < len(DEFAULT_SEEDS)})
    note = (
        f"{wanting} of {len(rows)} published numbers have fewer than {len(DEFAULT_SEEDS)} seeds "
        f"at the paper's schedule; a verdict takes {LEAST_SEEDS}"
    )
    Console(stderr=True, highlight=False, soft_wrap=True).print(note, markup=False)


def export_command(options: Export) -> int:
    """See `Export`; the exit code."""
    results, target = options.results, options.target
    records = registry_at(results, lenient=options.lenient).load()
    if not records:
        raise UsageError(f"{results} holds no records; run one with: suite run SETTING METHOD")
    try:
        if options.tensorboard:
            write_curves(records, target)
        else:
            write_frame(results, target, lenient=options.lenient)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    if options.tensorboard:
        print(f"wrote {target}; look at it with: tensorboard --logdir {target}")
        return 0
    print(f"wrote {target}: {len(records)} records")
    return 0
