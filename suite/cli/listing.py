"""`suite list`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from suite.cli.reading import List
from suite.cli.registries import registry_at
from suite.registry import Record
from suite.settings import SETTINGS, Setting, get_setting
from suite.settings.footnotes import FOOTNOTES
from suite.settings.protocols import protocols_by_name
from suite.settings.schema import REINFORCEMENT_ONLY

# Wide enough for its tables where the output is piped.
_PIPED_WIDTH = 160


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=_PIPED_WIDTH, highlight=False)


def list_command(options: List) -> int:
    """See `List`; the exit code."""
    if options.missing:
        # Here, since it imports pandas.
        from suite.cli.inspect import show_missing

        show_missing(options)
    elif options.setting is None:
        _show_overview(options.results, lenient=options.lenient)
    else:
        _show_setting(options.setting)
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
        for row, method in enumerate(setting.methods):
            others = [
                f"{len(found)} x {kind}"
                for (where, by, kind), found in sorted(seeds.items())
                if (where, by) == (setting.id, method) and kind != "paper"
            ]
            done = len(seeds.get((setting.id, method, "paper"), ()))
            table.add_row(
                setting.id if row == 0 else "",
                f"{setting.iterations:,}" if row == 0 else "",
                method,
                f"{done} seed{'' if done == 1 else 's'}" if done else "-",
                ", ".join(others),
                end_section=row == len(setting.methods) - 1,
            )
    console = _console()
    console.print(table)
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


def _show_setting(setting_id: str) -> None:
    """A setting's values and sources, its protocols, the paper's numbers and the footnotes."""
    setting = get_setting(setting_id)
    console = _console()
    table = Table(title=f"{setting.title} ({setting.id})")
    for heading in ("field", "value", "source"):
        table.add_column(heading)
    unsaid = () if setting.config.problem == "policies" else REINFORCEMENT_ONLY
    for name in setting.config.__struct_fields__:
        if name in unsaid:
            continue
        table.add_row(name, _text(getattr(setting.config, name)), setting.sources[name])
    table.add_row("iterations", f"{setting.iterations:,}", setting.sources["iterations"])
    table.add_row("short schedule", f"{setting.short_iterations:,}", "this suite: not the paper's")
    console.print(table)
    for method, own in setting.recipes.items():
        differs = ", ".join(
            f"{name}={_text(getattr(own.config, name))}"
            for name in own.config.__struct_fields__
            if getattr(own.config, name) != getattr(setting.config, name)
        )
        counts = f"iterations={own.iterations:,} (short: {own.short_iterations:,})"
        console.print(f"{method}: {counts}, {differs}", markup=False)
        for name, source in own.sources.items():
            console.print(f"  {name}: {source}", markup=False)
    for line in _options(setting):
        console.print(line, markup=False)
    console.print(_protocol_table(setting))
    shown = {protocol.name for protocol in setting.all_protocols}
    further = [name for name in protocols_by_name(setting, setting.methods[0]) if name not in shown]
    console.print(f"suite evaluate has also: {', '.join(further)}", markup=False)
    for number in setting.paper:
        step = f", step {number.step}" if number.step is not None else ""
        interval = f" ± {number.ci95_tasks}" if number.ci95_tasks is not None else ""
        where = f"{number.method} [{number.protocol}{step}]"
        console.print(f"paper: {where} {number.value}{interval} ({number.source})", markup=False)
    for note in setting.footnotes:
        console.print(f"note: {FOOTNOTES[note].text}", markup=False)


def _options(setting: Setting) -> Iterator[str]:
    """A line for each method that has hyper-parameters of its own."""
    # Here, since it imports torch, which takes a second.
    from baselines import method_of
    from baselines.options import options_of

    for method in setting.methods:
        options = options_of(method_of(setting, method))
        if options:
            listed = ", ".join(f"{name}={_text(value)}" for name, value in options.items())
            yield f"{method} has of its own: {listed}"


def _protocol_table(setting: Setting) -> Table:
    table = Table(title=f"protocols ({setting.sources['protocol']})")
    fields = setting.protocols[0].__struct_fields__
    for name in fields:
        table.add_column(name)
    for protocol in setting.all_protocols:
        table.add_row(*(_text(getattr(protocol, name)) for name in fields))
    return table


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
