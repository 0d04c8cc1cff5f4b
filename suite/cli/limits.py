"""When to stop: a time limit, Ctrl-C, SIGTERM, SIGHUP."""

import re
import signal
import time
from types import FrameType

from suite.errors import UsageError

EXIT_TIME_LIMIT = 3
_MARGIN_SECONDS, _MARGIN = 5.0, 0.05
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}


def seconds(text: str) -> float:
    """`90`, `90s`, `9m`, `1h30m` as seconds; anything else is a `UsageError`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError(f"'{text}' is no duration; write for example 90s, 9m or 1h30m")
    return sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)


class Limits:
    """Asked between iterations and batches. A signal asks for a clean stop; a second Ctrl-C ends.

    Schedulers send SIGTERM again within moments; that asks for nothing more, so that all seeds are
    saved.
    """

    def __init__(self, time_limit: float | None) -> None:
        if time_limit is not None:
            # Writing the checkpoint takes time too.
            time_limit -= min(_MARGIN_SECONDS, _MARGIN * time_limit)
        self._deadline = None if time_limit is None else time.monotonic() + time_limit
        self._signal: signal.Signals | None = None

    def listen(self) -> None:
        """Take over SIGINT, SIGTERM and, but under nohup, SIGHUP."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = self._signal or signal.Signals(number)

    def reason(self) -> str | None:
        """Why to stop now, in words; None to go on."""
        if self._signal is not None:
            return f"stopped by {self._signal.name}"
        if self._deadline is not None and time.monotonic() > self._deadline:
            return "the time limit is reached"
        return None

    def exit_code(self) -> int:
        """128 plus the signal's number, or that of the time limit."""
        return EXIT_TIME_LIMIT if self._signal is None else 128 + self._signal
