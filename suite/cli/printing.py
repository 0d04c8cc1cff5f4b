"""What is printed, on terminals and files that cannot show or take all of it."""

import codecs
import contextlib
import io
import os
import sys
from typing import TextIO

_HANDLER = "suite.substitute"
_SUBSTITUTES = {
    **{"±": "+-", "×": "x", "→": "->", "↓": "v", "↑": "^", "…": "...", "√": "sqrt "},
    **dict.fromkeys("–—−─━╌╴╶╸╺═", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    **{"•": "*", "\N{NO-BREAK SPACE}": " "},
}
"""The text in ASCII, for a stream whose encoding lacks the character."""


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(map(_in_ascii, missing)), error.end


def _in_ascii(character: str) -> str:
    if "\u2500" <= character <= "\u259f":  # borders of tables and boxes, bars of progress
        return _SUBSTITUTES.get(character, "+")
    return _SUBSTITUTES.get(character, "?")


def make_safe() -> None:
    """Let stdout and stderr substitute what they cannot show, whatever writes to them."""
    codecs.register_error(_HANDLER, _substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def abandon(stream: TextIO) -> None:
    """Let what `stream` still holds go nowhere: the interpreter would try to write it at its end.

    A stream without a file of its own, as in tests, stays as it is.
    """
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
