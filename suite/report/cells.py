"""From records to cells: which runs may be averaged, and which table they may stand in.

A cell holds runs that differ in nothing but the seed. A run stands beside the paper's number only
if its schedule, configuration and protocol are the paper's; other runs stand apart, with their
differences named.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import msgspec

from suite.registry import Record, training_key
from suite.registry.key import canonical, digest
from suite.registry.schema import Timing
from suite.settings import METHODS, SETTINGS, Config, Protocol, Schedule, Setting, get_setting

_SCHEDULE_CHANGES = {"validate_every": "validate_every", "version": "training.version"}
"""The fields of a schedule that may differ from the setting's, and what the tables call them."""

Category = Literal["paper", "variant", "shortened", "lengthened", "none"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The runs of one method under one setting, configuration, schedule and protocol."""

    setting: Setting
    method: str
    options: dict[str, Any]
    config: Config
    schedule: Schedule
    protocol: Protocol
    records: tuple[Record, ...]
    """One completed run for each seed, in the order of the seeds."""

    @cached_property
    def summaries(self) -> dict[int, Any]:
        """The summaries that `suite.report.numbers.summary_of` has made, by gradient step."""
        return {}

    @cached_property
    def category(self) -> Category:
        """`paper` for a reproduction, `variant` for a changed one, else the schedule's name."""
        schedule = self.schedule
        length = self.setting.schedule(schedule.iterations, self.method).name
        planned = "paper" if trains(self.method) else "none"
        if length == schedule.name == planned:
            return "variant" if self.changes else "paper"
        if length != "paper":
            return length
        return "lengthened" if schedule.name == "paper" else schedule.name

    @cached_property
    def changes(self) -> tuple[str, ...]:
        """What differs from the setting, as `name=value`; the length of training is left out."""
        protocol = self.planned_protocol
        planned = self.setting.schedule(self.schedule.iterations, self.method)
        return (
            *differences(self.config, self.setting.recipe(self.method).config),
            *(f"{name}={self.options[name]}" for name in self.changed_options),
            *(f"protocol.{text}" for text in differences(self.protocol, protocol)),
            *(
                f"{shown}={getattr(self.schedule, name)}"
                for name, shown in _SCHEDULE_CHANGES.items()
                if getattr(self.schedule, name) != getattr(planned, name)
            ),
        )

    @property
    def changed_options(self) -> tuple[str, ...]:
        """The names of the options that its runs say were no defaults of the method."""
        names = {name for record in self.records for name in record.provenance.changed_options}
        return tuple(name for name in self.options if name in names)

    @cached_property
    def outdated(self) -> bool:
        """Whether older code trained or scored these runs, so that today's may not repeat them."""
        planned = self.setting.schedule(self.schedule.iterations, self.method)
        scoring = self.planned_protocol.version
        return self.schedule.version < planned.version or self.protocol.version < scoring

    @property
    def planned_protocol(self) -> Protocol:
        """The setting's protocol of the same name, else its first, which the others vary."""
        protocols = self.setting.recipe(self.method).protocols
        return next((each for each in protocols if each.name == self.protocol.name), protocols[0])


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The records of a registry, sorted for the report."""

    records: tuple[Record, ...]
    """All of them, in an order that does not depend on the file system."""
    cells: tuple[Cell, ...]
    failed: tuple[Record, ...]
    repeated: tuple[Record, ...]
    """Completed runs that are not counted, since their seed already is."""
    unknown: tuple[Record, ...]
    """Runs of settings that this suite does not have."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """The files of published weights by name; see `suite.registry.published`."""


def collect(
    records: Iterable[Record] | Contents, weights: Mapping[str, str] | None = None
) -> Contents:
    """Sort `records` into cells, in which no seed counts twice; `Contents` are returned unchanged.

    Where one key has several completed attempts, the lowest counts. Where one seed of a cell has
    several keys, they differ in the split of the data only, and the run that began first counts.
    """
    if isinstance(records, Contents):
        return records
    ordered = tuple(sorted(records, key=_order))
    known = [record for record in ordered if record.setting in SETTINGS]
    groups: dict[bytes, dict[int, Record]] = {}
    repeated = []
    for record in sorted(known, key=_precedence):
        if record.status == "completed":
            group = groups.setdefault(_group(record), {})
            if group.setdefault(record.seed, record) is not record:
                repeated.append(record)
    cells = [_cell([group[seed] for seed in sorted(group)]) for group in groups.values()]
    return Contents(
        records=ordered,
        cells=tuple(sorted(cells, key=lambda cell: _order(cell.records[0]))),
        failed=tuple(record for record in known if record.status == "failed"),
        repeated=tuple(sorted(repeated, key=_order)),
        unknown=tuple(record for record in ordered if record.setting not in SETTINGS),
        weights=weights or {},
    )


def trains(method: str) -> bool:
    """Whether the method called `method` is trained; a name unknown here is taken to be."""
    return method not in METHODS or METHODS[method].trains


def method_order(setting: Setting, methods: Iterable[str]) -> list[str]:
    """`methods` without repetition: the setting's own first, in its order, then the others."""
    found = set(methods)
    return [
        *(method for method in setting.methods if method in found),
        *sorted(found.difference(setting.methods)),
    ]


def train_hours(records: Iterable[Record]) -> float:
    """The hours of training and scoring of `records`."""
    return _spent(records, lambda timing: (timing.train_seconds, timing.evaluate_seconds)) / 3600


def kilowatt_hours(records: Iterable[Record]) -> float:
    """The energy of training and scoring `records`, as far as the drivers of the devices tell."""
    joules = _spent(records, lambda each: (each.train_joules or 0.0, each.evaluate_joules or 0.0))
    return joules / 3.6e6


def _spent(records: Iterable[Record], of: Callable[[Timing], tuple[float, float]]) -> float:
    """The sum that was spent on training and scoring; a training that runs share counts once.

    `of` gives what a record says of both.
    """
    training: dict[tuple[str, int], float] = {}
    evaluation = 0.0
    for record in records:
        key = (record.provenance.weights_sha256 or training_key(record), record.attempt)
        trained, scored = of(record.timing)
        training[key] = max(training.get(key, 0.0), trained)
        evaluation += scored
    return sum(training.values()) + evaluation


def differences(value: Config | Protocol, base: Config | Protocol) -> tuple[str, ...]:
    """The fields but `name` in which `value` differs from `base`, as `name=value`."""
    own, other = msgspec.structs.asdict(value), msgspec.structs.asdict(base)
    return tuple(
        f"{name}={own[name]}" for name in own if name != "name" and own[name] != other[name]
    )


def _cell(records: list[Record]) -> Cell:
    first = records[0]
    return Cell(
        setting=get_setting(first.setting),
        method=first.method,
        options=first.options,
        config=first.config,
        schedule=first.schedule,
        protocol=first.protocol,
        records=tuple(records),
    )


def cell_of(record: Record) -> Cell:
    """The cell of `record` alone, which may have failed; a `UsageError` for an unknown setting."""
    return _cell([record])


def cell_key(record: Record) -> str:
    """The first hexadecimal digits of the sha256 of what the runs of a cell share."""
    return digest(_shared(record))


def _group(record: Record) -> bytes:
    return canonical(_shared(record))


def _shared(record: Record) -> tuple[object, ...]:
    """What the runs of a cell share. Each seed may draw its own split, of the same sizes."""
    split = record.data.split
    return (
        record.setting,
        record.method,
        record.options,
        record.config,
        record.schedule,
        record.protocol,
        record.data.fingerprint,
        split and (split.counts, split.seed is None),
    )


def _order(record: Record) -> tuple[object, ...]:
    """Sorts records by setting, protocol and method as the suite lists them, then by value."""
    setting = SETTINGS.get(record.setting)
    settings, methods = list(SETTINGS), list(setting.methods) if setting else []
    protocols = [protocol.name for protocol in setting.all_protocols] if setting else []
    return (
        _index(settings, record.setting),
        record.setting,
        _index(protocols, record.protocol.name),
        record.protocol.name,
        _index(methods, record.method),
        record.method,
        -record.schedule.iterations,
        _group(record),
        record.seed,
        record.key,
        record.attempt,
    )


def _index(names: list[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


def _precedence(record: Record) -> tuple[str | int, ...]:
    """The order in which runs count: attempts of one key by number, keys by their start."""
    return (record.seed, record.attempt, record.provenance.started, record.key)
