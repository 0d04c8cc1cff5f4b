"""How far a run is: a bar on a terminal, a log line now and then elsewhere."""

import logging
import math
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    track,
)

from suite.launch import board
from suite.outer.state import TrainingState
from suite.settings import Metric

log = logging.getLogger(__name__)

T = TypeVar("T")

_LOG_EVERY = 30.0
_REFRESH_EVERY = 0.2
_TELL_EVERY = 1.0


class Throttle:
    """Says when something is due that is done at most once in so many seconds.

    It is due for the first time `at_once`, or else after these seconds.
    """

    def __init__(self, seconds: float, *, at_once: bool = False) -> None:
        self._seconds = seconds
        self._due = -math.inf if at_once else time.monotonic() + seconds

    def due(self, now: float) -> bool:
        """Whether it is due; if so, it is taken to be done, and the seconds begin anew."""
        if now < self._due:
            return False
        self._due = now + self._seconds
        return True


class TrainingProgress:
    """A progress line of training: it hears of every iteration and shows some.

    A sweep that has started this process is told too.
    """

    def __init__(self, label: str, metric: Metric, total: int, bar: Progress | None) -> None:
        self._label, self._metric, self._total, self._bar = label, metric, total, bar
        self._task = bar.add_task(label, total=total, note="") if bar else None
        self._telling = Throttle(_TELL_EVERY, at_once=True)
        self._showing = Throttle(_LOG_EVERY if bar is None else _REFRESH_EVERY)
        self._since: tuple[float, int, int] | None = None

    def __call__(self, state: TrainingState) -> None:
        """Show `state`, if it is time to."""
        now = time.monotonic()
        if self._since is None:
            self._since = now, state.iteration, state.histories[0].environment_steps
        done = state.iteration == self._total
        if self._telling.due(now) or done:
            self._tell(now, state)
        if not (self._showing.due(now) or done):
            return
        note = self._note(now, state)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=state.iteration, note=note)
        else:
            log.info("%s: %s of %s, %s", self._label, f"{state.iteration:,}", self._total, note)

    def _tell(self, now: float, state: TrainingState) -> None:
        board.tell(
            board.Progress(
                doing="training",
                done=state.iteration,
                total=self._total,
                rate=self._rate(now, state),
                note=self._note(now, state),
            )
        )

    def _rate(self, now: float, state: TrainingState) -> float:
        """Iterations a second."""
        began, first, _ = self._since or (now, state.iteration, 0)
        return (state.iteration - first) / (now - began) if now > began else 0.0

    def _note(self, now: float, state: TrainingState) -> str:
        history, rate = state.histories[0], self._rate(now, state)
        began, _, steps = self._since or (now, state.iteration, 0)
        note = f"{rate:.1f} it/s" if rate >= 1.0 or not rate else f"{1.0 / rate:.1f} s/it"
        if rate and history.environment_steps:
            note += f", {(history.environment_steps - steps) / (now - began):,.0f} steps/s"
        if policies := history.policies:
            (before, divergence), after = policies[-1], history.curve[-1][3]
            return f"{note}, return {before:.1f} -> {after:.1f}, divergence {divergence:.3f}"
        if history.curve:
            value = statistics.fmean(history.curve[-1][3] for history in state.histories)
            shown = self._metric.number(value) + self._metric.unit
            note += f", validation {self._metric.name} {shown}"
        return note


class ScoringProgress:
    """A progress line of scoring: it hears of every batch and shows some, with the time left."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}
        self._began: tuple[str, float, int] = ("", 0.0, 0)
        self._telling = Throttle(_TELL_EVERY, at_once=True)
        self._logging = Throttle(_LOG_EVERY)

    def __call__(self, what: str, done: int, tasks: int) -> None:
        """Show that `done` of `tasks` test tasks of `what` are scored, if it is time to."""
        now = time.monotonic()
        if self._began[0] != what:
            self._began = what, now, done
            self._logging = Throttle(_LOG_EVERY)
        _, began, first = self._began
        rate = (done - first) / (now - began) if now > began else 0.0
        note = f"{rate:.1f} tasks/s" if rate else ""
        if self._telling.due(now):
            board.tell(
                board.Progress(doing="scoring", done=done, total=tasks, rate=rate, note=note)
            )
        if self._bar is not None:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(f"scoring {what}", total=tasks, note=note)
            self._bar.update(self._tasks[what], completed=done, note=note)
        elif self._logging.due(now):
            left = f", {(tasks - done) / rate:,.0f} s left" if rate else ""
            log.info("scoring %s: %s of %s tasks%s", what, f"{done:,}", f"{tasks:,}", left)


@contextmanager
def training_bar() -> Iterator[Progress | None]:
    """A bar where stderr is a terminal, else None."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield bar


def over(items: Iterable[T], description: str, total: int) -> Iterable[T]:
    """Show how far a loop over `items` is, on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        log.info("%s (%s)", description, f"{total:,}")
        return items
    return track(items, description, total=total, console=console, transient=True)
