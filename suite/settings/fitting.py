"""Whether a run would heed the values of a configuration, and can be carried out with them.

A value that nothing heeds would stand in the tables as if it did something, and one that fits
nothing would fail in the middle of a run: `require_fit` refuses both before anything is written.
"""

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from suite.errors import UsageError, one_line
from suite.settings.fields import SCHEDULE, images_of, protocol_rules, rules
from suite.settings.rules import Rule
from suite.settings.schema import Protocol, Schedule, Setting

_SHOWN = 60


def settable(setting: Setting, unheeded: frozenset[str]) -> tuple[str, ...]:
    """The fields that can be changed in `setting` for a method that does not heed `unheeded`."""
    return tuple(name for name, rule in rules(setting).items() if rule and name not in unheeded)


def unknown(
    name: str, setting: Setting, unheeded: frozenset[str], method: str, options: Iterable[str]
) -> str:
    """What to say of a field that neither a configuration nor the `options` of `method` have."""
    fields, own = ", ".join(settable(setting, unheeded)), ", ".join(options)
    near = difflib.get_close_matches(name, [*settable(setting, unheeded), *options])
    known = f"near it: {', '.join(near)}" if near else f"fields: {fields}"
    if own and not near:
        known += f"; of {method} itself: {own}"
    return f"there is no field '{shown(name)}'; {known}"


def require_fit(
    setting: Setting, method: str, unheeded: frozenset[str], values: Mapping[str, Any]
) -> None:
    """Raise `UsageError` where a run of `setting` would not heed a value, or it does not fit.

    `values` are of all fields of a configuration, `hidden` as a tuple; what is the method's own
    there is taken as it is. `unheeded` is the method's: see `baselines.Method`.
    """
    own = msgspec.structs.asdict(setting.recipe(method).config)
    for name, rule in rules(setting).items():
        value = values[name]
        if type(value) is type(own[name]) and value == own[name]:
            continue
        if rule is None or name in unheeded:
            listed = ", ".join(settable(setting, unheeded))
            raise UsageError(
                f"{name}={shown(value)}: {setting.id} {method} heeds no other {name} than its own, "
                f"{shown(own[name])}; leave it out, or change one of: {listed}"
            )
        require({name: rule}, values)
    if reason := _apart(setting, unheeded, values):
        raise UsageError(reason)


def require_plan(
    setting: Setting, method: str, schedule: Schedule, protocols: Iterable[Protocol] = ()
) -> None:
    """Raise `UsageError` where a training cannot be so long, or a model not be scored so."""
    require(SCHEDULE, msgspec.structs.asdict(schedule))
    for protocol in protocols:
        require(protocol_rules(setting, method), msgspec.structs.asdict(protocol))
        if protocol.report_step > protocol.steps:
            raise UsageError(
                f"report_step={protocol.report_step}: protocol {shown(protocol.name)} takes "
                f"{protocol.steps} steps"
            )
        if reason := _too_many(setting, protocol.k_shot, protocol.n_query):
            raise UsageError(reason)


def require(rules: Mapping[str, Rule], values: Mapping[str, Any]) -> None:
    """Raise `UsageError` where one of `values` is not what its rule says."""
    for name, rule in rules.items():
        if not rule.fits(values[name]):
            raise UsageError(f"{name}={shown(values[name])}: {name} must be {rule.words}")


def _too_many(setting: Setting, k_shot: int, n_query: int) -> str | None:
    images = images_of(setting)
    if not images or k_shot + n_query <= images.of_class:
        return None
    return (
        f"k_shot={k_shot} and n_query={n_query}: a task takes both from the "
        f"{images.of_class} images of a class"
    )


def _apart(setting: Setting, unheeded: frozenset[str], values: Mapping[str, Any]) -> str | None:
    """Which values do not fit one another; None where all do."""
    k_shot, n_query, every = values["k_shot"], values["n_query"], values["fisher_every"]
    layers = len(values["hidden"])
    images = images_of(setting)
    if reason := _too_many(setting, k_shot, n_query):
        return reason
    if values["rotations"] and values["rotated_classes"]:
        return (
            "rotations=true and rotated_classes=true: a class is turned for each task, or each "
            "turn of it is a class; set one of them to false"
        )
    if images and values["network"] == "conv-pool" and layers > images.halvings:
        return (
            f"hidden={shown(values['hidden'])}: conv-pool halves an image at each layer; with "
            f"{setting.config.dataset} it has {images.halvings} layers at most"
        )
    heeds_both = not unheeded & {"fisher_every", "n_query"}
    if setting.problem == "policies" and heeds_both and math.gcd(every, n_query) > 1:
        better = next(n for n in range(every, every + n_query + 1) if math.gcd(n, n_query) == 1)
        return (
            f"fisher_every={every} has a divisor in common with n_query={n_query}: steps of some "
            f"trajectories only would count; take --set fisher_every={better}"
        )
    return None


def shown(value: object) -> str:
    """`value` as it is written after --set, cut where it is long."""
    compact = (",", ":")
    text = value if isinstance(value, str) else json.dumps(value, separators=compact, default=str)
    text = one_line(text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
