"""Files that tell how far a sweep is: whoever has the registry's folder can look at them.

A sweep has a folder of its own, `RESULTS/.sweep/HOST-PID-TOKEN`, with a lock that the kernel frees
however the sweep ends, its board, and for each job that runs what its process tells of itself.
"""

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import msgspec

from suite.launch.folders import folders, is_over, own_folder
from suite.parsing import NotJson, parsed

State = Literal["waiting", "running", "done", "failed", "left"]
"""`left` is what a stop or a budget has left to the next call."""

VARIABLE = "SUITE_PROGRESS"
"""The environment variable that names the file in which a process tells how far it is."""
_FOLDER, _BOARD = ".sweep", "board.json"


class Progress(msgspec.Struct, kw_only=True, frozen=True):
    """How far a process is with what it does."""

    doing: Literal["training", "scoring"]
    done: int
    total: int
    """Iterations, or tasks that are scored."""
    rate: float
    """Of these a second; 0 where it is not known yet."""
    note: str
    """The rate, and in training the last metric, in words."""

    @property
    def seconds_left(self) -> float | None:
        """Until this is done."""
        return (self.total - self.done) / self.rate if self.rate else None


class Entry(msgspec.Struct, kw_only=True):
    """A job of a sweep."""

    setting: str
    method: str
    seeds: tuple[int, ...]
    estimate: float | None
    """Its seconds on one worker; None where no record tells."""
    state: State = "waiting"
    began: float | None = None
    """When it was started last, in seconds since 1970."""

    def seconds(self, now: float) -> float:
        """For how long it has been running; 0 where it is not."""
        if self.state != "running" or self.began is None:
            return 0.0
        return now - self.began


class Board(msgspec.Struct, kw_only=True):
    """A sweep."""

    plan: str
    """What was asked for."""
    host: str
    pid: int
    began: float
    at_once: int
    """How many jobs run at a time."""
    entries: list[Entry]

    def seconds_left(self, now: float) -> float | None:
        """Until its end, by the estimates of the jobs that have one; None where none has."""
        left = [
            max(0.0, each.estimate - each.seconds(now))
            for each in self.entries
            if each.state in ("waiting", "running") and each.estimate is not None
        ]
        if not left:
            return None
        return max(max(left), sum(left) / max(1, min(self.at_once, len(left))))


def tell(progress: Progress) -> None:
    """Let the sweep that has started this process, if one has, know how far it is."""
    if path := os.environ.get(VARIABLE):
        _write(Path(path), msgspec.json.encode(progress))


def claims_folder(results: Path) -> Path:
    """Where sweeps of that registry lock the trainings that they are at."""
    return results / _FOLDER / "claims"


def board_folder(results: Path) -> AbstractContextManager[Path]:
    """A folder for the board of a sweep of this process; see `own_folder`."""
    return own_folder(results / _FOLDER)


def save(folder: Path, board: Board) -> None:
    """Write `board`, in place of what was there."""
    _write(folder / _BOARD, msgspec.json.encode(board))


def progress_path(folder: Path, entry: int) -> Path:
    """Where the process of that entry of the board tells how far it is."""
    return folder / f"{entry}.json"


def progress_of(folder: Path, entry: int) -> Progress | None:
    """What that process tells; None before it has told anything."""
    try:
        return parsed(progress_path(folder, entry).read_bytes(), Progress)
    except (OSError, NotJson):
        return None


def boards(results: Path) -> Iterator[tuple[Path, Board, bool]]:
    """The sweeps of that registry: folder, board, and whether its process is there still."""
    for folder in folders(results / _FOLDER):
        with contextlib.suppress(OSError, NotJson):
            board = parsed((folder / _BOARD).read_bytes(), Board)
            yield folder, board, not is_over(folder)


def _write(path: Path, data: bytes) -> None:
    """In one step, but not synced: it is for the eye alone, and nothing ends where it cannot be."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        temporary.write_bytes(data)
        temporary.replace(path)
