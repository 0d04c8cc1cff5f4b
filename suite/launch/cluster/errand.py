"""What travels between a sweep and the machine that runs one of its jobs."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from suite.files import atomic_write
from suite.launch.plans import Job
from suite.registry import Record, Registry
from suite.registry.store import decode, encode
from suite.run.packs.archive import opened_pack, write_pack
from suite.run.packs.trainings import Saved, locked, saved_in, take, unpacked

_PACK = "trainings.pack"


@dataclass(frozen=True, kw_only=True)
class Errand:
    """A job, and what it needs of the sweep's machine."""

    number: int
    job: Job
    threads: int | None
    timeout: float | None
    """Seconds after which it is ended; None for no such limit."""
    fingerprints: dict[str, str]
    """Of the data sets, by name."""
    trainings: bytes | None
    """A pack of what it may go on from."""
    records: tuple[bytes, ...]
    """What stands of it."""


@dataclass(frozen=True, kw_only=True)
class News:
    """What is new of a job."""

    number: int
    """That of its errand."""
    machine: str
    """Ray's name for the one that it runs on."""
    lines: tuple[str, ...] = ()
    """What it has printed since."""
    progress: bytes | None = None
    """What its process tells of itself; see `suite.launch.board`."""
    trainings: bytes | None = None
    """A pack of all its trainings, as they were last saved."""
    records: tuple[bytes, ...] = ()


class Desk:
    """The folder of a job where it is run: a registry, trainings, and what is new in them.

    They are the job's own, so that all that is in them is of it. A process in that folder finds
    them by the names below.
    """

    RESULTS, TRAININGS, PROGRESS = "results", "trainings", "progress.json"

    def __init__(self, folder: Path) -> None:
        self._folder, self._registry = folder, Registry(folder / self.RESULTS)
        self._known: set[Path] = set()
        self._stamps: dict[Path, int] = {}

    def lay_out(self, trainings: bytes | None, records: Iterable[bytes]) -> None:
        """Put there what was brought; none of it is new."""
        for data in records:
            path = self._registry.path(decode(data, "a record of the sweep"))
            atomic_write(path, data)
            self._known.add(path)
        if trainings is not None:
            unpack(trainings, self._folder / self.TRAININGS, self._folder)
            self._stamps = self._saved_at()

    def new_records(self) -> tuple[bytes, ...]:
        """Those that were written since this was last asked."""
        new = [path for path in self._registry.paths() if path not in self._known]
        self._known.update(new)
        return tuple(path.read_bytes() for path in new)

    def new_trainings(self) -> bytes | None:
        """A pack of all trainings; None where none was saved since this was last asked.

        Also None while seeds that train side by side are being saved one after another: they are
        to go on from one iteration.
        """
        stamps = self._saved_at()
        if stamps == self._stamps:
            return None
        saved = list(saved_in(self._folder / self.TRAININGS))
        if not saved or len({each.snapshot.iteration for each in saved if not each.finished}) > 1:
            return None
        self._stamps = stamps
        return packed(saved, self._folder)

    def progress(self) -> bytes | None:
        """What the process last told of itself."""
        with contextlib.suppress(OSError):
            return (self._folder / self.PROGRESS).read_bytes()
        return None

    def _saved_at(self) -> dict[Path, int]:
        paths = (self._folder / self.TRAININGS).glob("*/checkpoint.pt")
        return {path: path.stat().st_mtime_ns for path in paths}


def packed(trainings: Iterable[Saved], folder: Path) -> bytes:
    """A pack of the trainings; it is written to `folder` on the way."""
    path = folder / _PACK
    write_pack(path, ((each.entry, each.files) for each in trainings))
    return path.read_bytes()


def unpack(data: bytes, root: Path, folder: Path) -> None:
    """Take the trainings of a pack into the folders below `root`, as `suite unpack` does.

    It is written to `folder` on the way. Raises `UsageError` where it is no sound pack, or one of
    the trainings is under way there.
    """
    path = folder / _PACK
    path.write_bytes(data)
    with opened_pack(path) as pack:
        for entry in pack.entries:
            saved = unpacked(pack, entry)
            place = root / entry.training
            with locked(place, saved.training):
                take(saved, place)


def record_bytes(records: Iterable[Record]) -> tuple[bytes, ...]:
    """The records, as a registry has them."""
    return tuple(map(encode, records))
