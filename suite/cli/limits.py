"""When to stop: a time limit, Ctrl-C, SIGTERM, SIGHUP."""

import logging
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from suite.errors import Stopped, UsageError

log = logging.getLogger(__name__)

EXIT_TIME_LIMIT = 3
_MARGIN_SECONDS, _MARGIN = 5.0, 0.05
_AGAIN_SECONDS = 1.0
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}

_MOST_SECONDS = 10 * 365 * 86_400


def seconds(text: str) -> float:
    """`90`, `90s`, `9m`, `1h30m` as seconds; anything else is a `UsageError`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError(f"'{text}' is no duration; write for example 90s, 9m or 1h30m")
    total = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    if total > _MOST_SECONDS:  # the system's timers take no number of any size
        raise UsageError(f"'{text[:40]}' is too long; name ten years at most")
    return total


class _Now(BaseException):
    """Ends what runs `at_once`. Not an `Exception`: compilers and readers catch all of those."""


class Limits:
    """Asked between iterations and batches. A signal asks for a clean stop; a second Ctrl-C ends.

    Schedulers send SIGTERM again within moments; that asks for nothing more, so that all seeds are
    saved. What asks seldom and has nothing to save runs `at_once`.
    """

    def __init__(self, time_limit: float | None) -> None:
        if time_limit is not None:
            # Writing the checkpoint takes time too.
            time_limit -= min(_MARGIN_SECONDS, _MARGIN * time_limit)
        self._deadline = None if time_limit is None else time.monotonic() + time_limit
        self._signal: signal.Signals | None = None
        self._at_once = False

    def listen(self) -> None:
        """Take over SIGINT, SIGTERM and, but under nohup, SIGHUP."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = self._signal or signal.Signals(number)
        self._end_at_once()

    def _note_alarm(self, _number: int, _frame: FrameType | None) -> None:
        self._end_at_once()

    def _end_at_once(self) -> None:
        if self._at_once:
            # Once more later, since an exception within a finaliser is dropped.
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
            raise _Now

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within it a signal, or the end of the time, raises `Stopped` there and then.

        For what can be cut off anywhere, as nothing is, or it removes what is half written.
        """
        alarm = signal.signal(signal.SIGALRM, self._note_alarm)
        hook = sys.unraisablehook
        sys.unraisablehook = lambda dropped: None if dropped.exc_type is _Now else hook(dropped)
        try:
            try:
                self._at_once = True
                if self.reason():
                    raise _Now
                if self._deadline is not None:
                    left = max(self._deadline - time.monotonic(), 0.0) + 0.01
                    signal.setitimer(signal.ITIMER_REAL, left)
                yield
            finally:
                self._at_once = False
        except _Now:
            raise Stopped(self.reason()) from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, alarm)
            sys.unraisablehook = hook

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


def limits_of(time_limit: str | None) -> Limits:
    """What an option says in words, or no time limit."""
    return Limits(None if time_limit is None else seconds(time_limit))


def limited(limits: Limits, command: Callable[[], int]) -> int:
    """Carry out `command`, which `limits` may stop; the exit code."""
    try:
        return command()
    except Stopped:
        return stopped(limits)


def ended_by_signals(command: Callable[[Limits], int]) -> int:
    """Carry out a `command` without a time limit; the exit code."""
    limits = Limits(None)
    limits.listen()
    return limited(limits, lambda: command(limits))


def stopped(limits: Limits) -> int:
    """Say that the command has stopped; its exit code."""
    log.warning("%s; to go on, give the same command again", limits.reason())
    return limits.exit_code()
