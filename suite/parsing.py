"""JSON of files and processes that may hold anything: typed, or an error in one line.

All JSON that this suite did not write a moment ago is read here, since a decoder has more ways to
fail than its own errors: text that is not UTF-8, and lists nested deeper than Python's stack.
"""

from typing import TypeVar

import msgspec

from suite.errors import one_line

T = TypeVar("T")


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
