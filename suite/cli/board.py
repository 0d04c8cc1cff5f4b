"""How far a sweep is, as a view on a terminal; from its files alone."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from suite.launch.board import Board, Entry, State, progress_of

_BAR_WIDTH = 40


def duration(seconds: float | None) -> str:
    """A length of time in words, `?` where it is not known."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"


def how_far(board: Board, now: float) -> str:
    """The counts of a sweep, and about how long it has still to go, in one line."""
    counts = Counter(each.state for each in board.entries)
    done = f"{counts['done']} of {len(board.entries)} done"
    states: tuple[State, ...] = ("running", "waiting", "failed", "left")
    others = [f"{counts[state]} {state}" for state in states if counts[state]]
    left = board.seconds_left(now)
    ends = [] if left is None else [f"about {duration(left)} to go"]
    return ", ".join([done, *others, *ends])


def view(folder: Path, board: Board, now: float) -> RenderableType:
    """A row for each job that runs, and a bar for all."""
    table = Table(box=None, pad_edge=False)
    for heading in ("setting", "method", "seeds", "", "done", "", "left"):
        table.add_column(heading, overflow="fold")
    for number, entry in enumerate(board.entries):
        if entry.state == "running":
            table.add_row(*_row(folder, number, entry, now))
    ended = sum(each.state in ("done", "failed", "left") for each in board.entries)
    bar = ProgressBar(total=max(1, len(board.entries)), completed=ended, width=_BAR_WIDTH)
    line = Text(f"{board.plan}: {how_far(board, now)}")
    return Group(table, bar, line) if table.rows else Group(bar, line)


def _row(folder: Path, number: int, entry: Entry, now: float) -> tuple[str, ...]:
    names = (entry.setting, entry.method, " ".join(map(str, entry.seeds)))
    progress = progress_of(folder, number)
    if progress is None:
        since = duration(entry.seconds(now))
        return (*names, "starting", "", f"for {since}", duration(entry.estimate))
    done = f"{progress.done:,} of {progress.total:,}"
    return (*names, progress.doing, done, progress.note, duration(progress.seconds_left))


@contextmanager
def watched(folder: Path, board: Board) -> Iterator[Callable[[str], None]]:
    """What prints a line; on a terminal above a view of the sweep that is kept up to date."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def relay(line: str) -> None:
        console.print(line, markup=False)

    if not console.is_terminal:
        yield relay
        return

    def current() -> RenderableType:
        return view(folder, board, time.time())

    with Live(get_renderable=current, console=console, refresh_per_second=2, transient=True):
        yield relay
