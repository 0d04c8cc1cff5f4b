"""Standard streams whose reader may go away, as that of `suite run ... | head -1` does.

What is printed from then on is dropped. The command goes on to its end, and its exit code says how
that was.
"""

import io
import os
import sys
from typing import Any, TextIO


def outlive_readers() -> None:
    """Let no command end because nobody reads what it prints."""
    sys.stdout = _outliving(sys.stdout)
    sys.stderr = _outliving(sys.stderr)


class _Outliving(io.FileIO):
    """A descriptor that leads nowhere once its reader is gone."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(data)


def _outliving(stream: TextIO | None) -> TextIO:
    if stream is None:
        # The descriptor was closed before the start.
        return open(os.devnull, "w")  # noqa: PTH123 - for as long as the process lives
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Outliving(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=getattr(stream, "line_buffering", True),
        write_through=getattr(stream, "write_through", False),
    )
