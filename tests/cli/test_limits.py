"""When a run is told to stop, and the exit code it leaves with."""

import os
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from suite.cli import limits
from suite.cli.limits import Limits, seconds
from suite.errors import Stopped, UsageError

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


class Unheeding:
    """Drops what is raised within it, as the interpreter does with any finaliser."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)


def forever():
    while True:
        time.sleep(0.01)


def struck_while_finalising():
    Unheeding()
    forever()


def end_of_time():
    return Limits(0.3)


def a_signal():
    limit = Limits(None)
    limit.listen()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    return limit


@pytest.mark.parametrize(
    ("begun", "reason"),
    [(end_of_time, "the time limit is reached"), (a_signal, "stopped by SIGTERM")],
)
def test_what_runs_at_once_is_cut_off_wherever_it_is(begun, reason):
    limit, cleaned = begun(), []

    def careful():
        try:
            forever()
        except Exception:
            pytest.fail("caught as an error of its own")
        finally:
            cleaned.append(True)

    alarm, hook = signal.getsignal(signal.SIGALRM), sys.unraisablehook
    with pytest.raises(Stopped, match=reason), limit.at_once():
        careful()
    assert cleaned == [True]
    # Nothing of it is left to strike what is saved afterwards.
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert (signal.getsignal(signal.SIGALRM), sys.unraisablehook) == (alarm, hook)


def test_what_is_raised_in_a_finaliser_is_raised_again(monkeypatch, capsys):
    monkeypatch.setattr(limits, "_AGAIN_SECONDS", 0.1)
    limit = Limits(None)
    limit.listen()
    with pytest.raises(Stopped, match="stopped by SIGTERM"), limit.at_once():
        struck_while_finalising()
    assert capsys.readouterr().err == ""


def test_nothing_begins_at_once_where_there_is_a_reason_to_stop():
    limit = a_signal()
    time.sleep(0.4)
    assert limit.reason()
    with pytest.raises(Stopped), limit.at_once():
        pytest.fail("it began")


def test_what_runs_at_once_to_its_end_is_not_touched():
    with Limits(60.0).at_once():
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    # Outside, a signal asks again and no more.
    limit = Limits(None)
    limit.listen()
    with limit.at_once():
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    assert limit.reason() == "stopped by SIGTERM"
