"""JSON of files and processes that may hold anything: typed, or an error in one line.

All JSON that this suite did not write a moment ago is read here, since a decoder has more ways to
fail than its own errors: text that is not UTF-8, and lists nested deeper than Python's stack.
"""

import json
from typing import Any, TypeVar

import msgspec

from suite.errors import one_line

T = TypeVar("T")


class _Versioned(msgspec.Struct):
    schema: int


class NotJson(ValueError):
    """Why some bytes are not JSON of the wanted type, in one line."""


def parsed(data: bytes, kind: type[T]) -> T:
    """The value of type `kind` in `data`; raises `NotJson` for anything else."""
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise NotJson("it is nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotJson(one_line(str(error)) if data else "it is empty") from error


def schema_of(data: bytes) -> int | None:
    """The number of its schema in `data`, whatever else it holds; None where it has none."""
    try:
        return parsed(data, _Versioned).schema
    except NotJson:
        return None


def name_twice(data: bytes) -> str | None:
    """The name that an object in the JSON `data` has twice, of which readers take one or the other.

    None where every name stands once. Raises `NotJson` where `data` is none.
    """
    try:
        json.loads(data, object_pairs_hook=_once, parse_float=len, parse_int=len)
    except _Twice as error:
        return str(error)
    except RecursionError:
        raise NotJson("it is nested too deep") from None
    except ValueError as error:
        raise NotJson(one_line(str(error))) from error
    return None


class _Twice(Exception):
    """The name."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    """Keep nothing of an object but the error."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _Twice(name)
        seen.add(name)
