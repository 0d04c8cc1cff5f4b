"""`suite list`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from suite.cli.consoles import console_of
from suite.cli.reading import List
from suite.cli.registries import registry_at
from suite.registry import Record
from suite.settings import METHODS, SETTINGS, get_setting

# Wide enough for its tables where the output is piped.
_PIPED_WIDTH = 160


def list_command(options: List) -> int:
    """See `List`; the exit code."""
    if options.missing:
        # Here, since it imports pandas.
        from suite.cli.inspect import show_missing

        show_missing(options)
    elif options.setting is None:
        _show_overview(options.results, lenient=options.lenient)
    else:
        setting = get_setting(options.setting)
        # Here, since it imports torch, which takes a second.
        from suite.cli.setting import show_setting

        show_setting(setting, console_of(_PIPED_WIDTH))
    return 0


def _show_overview(results: Path, *, lenient: bool) -> None:
    """Settings and methods, with the number of seeds that stand in the registry."""
    seeds: dict[tuple[str, str, str], set[int]] = {}
    failed: Counter[str] = Counter()
    records = registry_at(results, needed=False, lenient=lenient).load()
    for record in records:
        if record.status == "failed":
            failed[record.setting] += 1
            continue
        name = record.schedule.name
        kind = "paper" if name in ("paper", "none") else f"{record.schedule.iterations:,} it"
        seeds.setdefault((record.setting, record.method, kind), set()).add(record.seed)

    table = Table(title="Settings, methods, and seeds that stand in the registry")
    for heading in ("setting", "iterations", "method", "paper's schedule", "other schedules"):
        table.add_column(heading)
    for setting in SETTINGS.values():
        unlisted = sorted(
            {by for where, by, _ in seeds if where == setting.id} - {*setting.methods}
        )
        methods = [*setting.methods, *unlisted]
        for row, method in enumerate(methods):
            others = [
                f"{len(found)} x {kind}"
                for (where, by, kind), found in sorted(seeds.items())
                if (where, by) == (setting.id, method) and kind != "paper"
            ]
            done = len(seeds.get((setting.id, method, "paper"), ()))
            table.add_row(
                setting.id if row == 0 else "",
                f"{setting.iterations:,}" if row == 0 else "",
                escape(method),
                f"{done} seed{'' if done == 1 else 's'}" if done else "-",
                ", ".join(others),
                end_section=row == len(methods) - 1,
            )
    console = console_of(_PIPED_WIDTH)
    console.print(table)
    listed = {method for setting in SETTINGS.values() for method in setting.methods}
    if further := [name for name in METHODS if name not in listed]:
        console.print(f"Methods that no setting has a row for: {', '.join(further)}", markup=False)
    if failed:
        console.print(f"{failed.total()} failed runs stand in {results}")
    for line in _unfinished(results, records, lenient=lenient):
        console.print(line, markup=False)
    console.print("Run one with: suite run SETTING METHOD; look at one with: suite list SETTING")


def _unfinished(results: Path, records: Sequence[Record], *, lenient: bool) -> Iterator[str]:
    """A line for each training that `suite run` would go on from."""
    if not any((results / "unfinished").glob("*.pack")):
        return
    # Here, since it imports torch, which takes a second.
    from suite.run.packs.trainings import described
    from suite.run.packs.unfinished import done, packs_in

    packs = list(packs_in(results, lenient=lenient))
    finished = done(packs, records)
    for each in packs:
        note = "its record stands; remove it with: suite pack --unfinished"
        if each not in finished:
            note = "suite run goes on from it"
        yield f"{each.path}: {described(each.entry)}; {note}"
