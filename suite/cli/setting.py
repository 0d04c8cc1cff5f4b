"""What `suite list SETTING` shows: each value with its source, protocols, numbers and notes.

What is not the same for all methods stands under the names of those that it is about.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec
from rich.console import Console
from rich.table import Table

from baselines import method_of, trainer_of
from baselines.options import options_of
from suite.settings import Protocol, Setting
from suite.settings.footnotes import FOOTNOTES
from suite.settings.protocols import protocols_by_name
from suite.settings.schema import REINFORCEMENT_ONLY

Row = tuple[str, str, str]
"""A name, its value and where that comes from."""
Shared = TypeVar("Shared", bound=Hashable)

_HEADINGS = ("field", "value", "source")
_SHORT = "this suite: not the paper's"


def show_setting(setting: Setting, console: Console) -> None:
    """Print what is known of `setting`, and of the methods that have a row in its table."""
    console.print(_table(f"{setting.title} ({setting.id}): all methods", _common(setting)))
    for names, rows in _grouped(setting.methods, lambda name: _own(setting, name)):
        if rows:
            console.print(_table(f"only {names}", rows))
    for names, rows in _grouped(setting.methods, lambda name: _options(setting, name)):
        if rows:
            console.print(_table(f"options of {names}", rows))
    for names, (source, own, further) in _grouped(
        setting.methods, lambda name: _protocols(setting, name)
    ):
        fields = Protocol.__struct_fields__
        values = ((_text(getattr(each, field)) for field in fields) for each in own)
        console.print(_table(f"protocols of {names} ({source})", values, fields))
        console.print(f"suite evaluate has also: {', '.join(further)}", markup=False)
    for line in (*_numbers(setting), *_notes(setting)):
        console.print(line, markup=False)


def _grouped(
    methods: Iterable[str], shared: Callable[[str], Shared]
) -> Iterator[tuple[str, Shared]]:
    """What methods share, after the names of those that share it."""
    groups: dict[Shared, list[str]] = {}
    for method in methods:
        groups.setdefault(shared(method), []).append(method)
    return ((", ".join(names), value) for value, names in groups.items())


def _common(setting: Setting) -> tuple[Row, ...]:
    """The values of the setting itself."""
    return (
        *(
            (name, _text(getattr(setting.config, name)), setting.sources[name])
            for name in _said(setting)
        ),
        ("iterations", f"{setting.iterations:,}", setting.sources["iterations"]),
        ("short schedule", f"{setting.short_iterations:,}", _SHORT),
    )


def _said(setting: Setting) -> Iterator[str]:
    """The fields of a configuration that say something of `setting`."""
    unsaid = () if setting.problem == "policies" else REINFORCEMENT_ONLY
    return (name for name in setting.config.__struct_fields__ if name not in unsaid)


def _own(setting: Setting, name: str) -> tuple[Row, ...]:
    """The values of that method's training that are others than the setting's, or stand for
    another reason."""
    recipe, method = setting.recipe(name), method_of(setting, name)
    trainer = trainer_of(setting, method, setting.schedule(method=name))
    config = trainer.shared_config(recipe.config) or recipe.config
    own_sources = {**recipe.sources, **method.sources}
    rows = []
    for field in _said(setting):
        value, common = getattr(config, field), getattr(setting.config, field)
        heeded = field in own_sources or field not in method.unheeded
        if heeded and (value != common or field in own_sources):
            rows.append((field, _text(value), own_sources.get(field, setting.sources[field])))
    if name in setting.recipes:
        source = recipe.sources.get("iterations", setting.sources["iterations"])
        rows.append(("iterations", f"{recipe.iterations:,}", source))
        rows.append(("short schedule", f"{recipe.short_iterations:,}", _SHORT))
    return tuple(rows)


def _options(setting: Setting, name: str) -> tuple[Row, ...]:
    """The options of that method, at their defaults."""
    method = method_of(setting, name)
    return tuple(
        (option, _text(value), method.sources.get(option, "see its class"))
        for option, value in options_of(method).items()
    )


def _protocols(setting: Setting, name: str) -> tuple[str, tuple[Protocol, ...], tuple[str, ...]]:
    """Where the protocols of that method come from, these, and the names of the further ones."""
    recipe = setting.recipe(name)
    source = recipe.sources.get("protocol", setting.sources["protocol"])
    own = {protocol.name for protocol in recipe.protocols}
    further = tuple(each for each in protocols_by_name(setting, name) if each not in own)
    return source, recipe.protocols, further


def _table(title: str, rows: Iterable[Iterable[str]], headings: Iterable[str] = _HEADINGS) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    return table


def _numbers(setting: Setting) -> Iterator[str]:
    """A line for each number that the paper prints."""
    for number in setting.paper:
        step = f", step {number.step}" if number.step is not None else ""
        interval = f" ± {number.ci95_tasks}" if number.ci95_tasks is not None else ""
        where = f"{number.method} [{number.protocol}{step}]"
        yield f"paper: {where} {number.value}{interval} ({number.source})"


def _notes(setting: Setting) -> Iterator[str]:
    """A line for each footnote, those of the same methods together."""
    notes = [FOOTNOTES[key] for key in setting.footnotes]
    for methods in dict.fromkeys(note.methods for note in notes):
        here = [name for name in methods if name in setting.methods]
        whose = f"note on {', '.join(here)}" if methods else "note"
        for note in notes:
            if note.methods == methods:
                yield f"{whose}: {note.text}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
