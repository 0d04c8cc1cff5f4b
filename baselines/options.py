"""The options of a method, which are its dataclass fields: what each can be, and how one is set."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
from msgspec import Meta, inspect

from baselines.method import Method
from suite.errors import UsageError
from suite.parsing import parsed
from suite.settings.fitting import require, shown
from suite.settings.rules import Rule

Count = Annotated[int, Meta(ge=1, le=10_000)]
Positive = Annotated[float, Meta(gt=0)]
FromZero = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Candidates = Annotated[tuple[Positive, ...], Meta(min_length=1)]
"""Values of which one is chosen."""
CandidatesFromZero = Annotated[tuple[FromZero, ...], Meta(min_length=1)]

M = TypeVar("M", bound=Method)

_LARGEST, _LARGEST_WHOLE = 1e38, 2**53
_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def options_of(method: Method) -> dict[str, Any]:
    """Its options by name, as a record has them."""
    return parsed(msgspec.json.encode(method), dict[str, Any])


def with_options(method: M, options: Mapping[str, Any]) -> M:
    """`method` with other values of some options, lists as JSON or Python has them.

    Raises `UsageError` where it has no such option, or a value is not of the option's type.
    """
    if not options:
        return method
    kinds = get_type_hints(type(method), include_extras=True)
    described = inspect.type_info(type(method))
    assert isinstance(described, inspect.DataclassType)
    rules = {each.name: _rule(kinds[each.name], each.type) for each in described.fields}
    for name in options:
        if name not in rules:
            there = f"its options: {', '.join(rules)}" if rules else "it has none"
            raise UsageError(f"{method.name} has no option '{shown(name)}'; {there}")
    require({name: rules[name] for name in options}, options)
    values = {name: msgspec.convert(value, kinds[name]) for name, value in options.items()}
    # What is equal stays as it is: 5 and 5.0 would give two keys.
    changed = {name: each for name, each in values.items() if each != getattr(method, name)}
    return replace(method, **changed)


def _rule(kind: Any, described: inspect.Type) -> Rule:
    """What an option of that annotation can be."""

    def fits(value: Any) -> bool:
        try:
            return _in_range(msgspec.convert(value, kind))
        except msgspec.ValidationError:
            return False

    return Rule(_words(described), fits)


def _in_range(value: Any) -> bool:
    """Whether all numbers in `value` are such as a record can have and a computation heeds."""
    if isinstance(value, tuple | list):
        return all(map(_in_range, value))
    if isinstance(value, float):
        return math.isfinite(value) and abs(value) <= _LARGEST
    return not isinstance(value, int) or abs(value) <= _LARGEST_WHOLE


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "null"
        case inspect.IntType():
            return "a whole number" + _bounds(kind)
        case inspect.FloatType():
            return "a number" + _bounds(kind)
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.UnionType(types=kinds):
            return ", or ".join(map(_words, kinds))
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            least = f" of at least {kind.min_length}" if kind.min_length else ""
            return f"a list{least}, each {_words(item)}"
        case inspect.TupleType(item_types=kinds):
            return f"a list of {len(kinds)}: {'; '.join(map(_words, kinds))}"
        case inspect.StrType():
            return "a text"
    return "what its annotation says"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    bounds = {word: getattr(kind, name) for name, word in _BOUNDS.items()}
    return "".join(f", {word} {bound:,g}" for word, bound in bounds.items() if bound is not None)
