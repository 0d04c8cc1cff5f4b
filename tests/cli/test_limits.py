"""When a run is told to stop, and the exit code it leaves with."""

import os
import signal
from types import SimpleNamespace

import pytest

from suite.cli import limits
from suite.cli.limits import Limits, seconds
from suite.errors import UsageError

SIGNAL_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def restored_handlers():
    handlers = {number: signal.getsignal(number) for number in SIGNAL_NUMBERS}
    # The tests may be run under nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


DURATIONS = {
    "90": 90.0,
    "90s": 90.0,
    "0.3s": 0.3,
    "9m": 540.0,
    "1.5h": 5400.0,
    "1h30m": 5400.0,
    "1h2m3s": 3723.0,
    "0": 0.0,
}


@pytest.mark.parametrize(("text", "expected"), DURATIONS.items())
def test_durations(text, expected):
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "m", "9 m", "9d", "-9m", "1e3", "9m!", "x9m", ".5s", "９m x"])
def test_what_is_no_duration(text):
    with pytest.raises(UsageError, match="9m or 1h30m"):
        seconds(text)


def test_without_a_limit_nothing_stops(clock):
    limit = Limits(None)
    clock.now += 1e9
    assert limit.reason() is None


@pytest.mark.parametrize("limit_seconds", [1.0, 60.0, 36_000.0])
def test_a_run_stops_a_little_before_its_limit(clock, limit_seconds):
    limit = Limits(limit_seconds)
    clock.now = 1000.0 + 0.94 * limit_seconds
    assert limit.reason() is None
    clock.now = 1000.0 + limit_seconds
    assert limit.reason() == "the time limit is reached"
    assert limit.exit_code() == 3
    margin = min(5.0, 0.05 * limit_seconds)
    clock.now = 1000.0 + limit_seconds - 0.9 * margin
    assert limit.reason() == "the time limit is reached"


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_the_first_signal_asks_and_only_a_second_interrupt_ends(number, code):
    limit = Limits(None)
    limit.listen()
    assert limit.reason() is None
    os.kill(os.getpid(), number)
    assert limit.reason() == f"stopped by {number.name}"
    assert limit.exit_code() == code
    if number == signal.SIGINT:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        return
    # A scheduler that sends it twice must not lose what is being saved.
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGINT)
    assert limit.exit_code() == code


def test_under_nohup_a_lost_terminal_is_ignored(clock):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    limit = Limits(None)
    limit.listen()
    os.kill(os.getpid(), signal.SIGHUP)
    assert limit.reason() is None


def test_a_signal_counts_before_the_limit(clock):
    limit = Limits(1.0)
    limit.listen()
    clock.now += 2.0
    os.kill(os.getpid(), signal.SIGTERM)
    assert limit.reason() == "stopped by SIGTERM"
    assert limit.exit_code() == 143
