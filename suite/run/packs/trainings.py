"""Trainings as they lie in a cache, and as a pack takes them to another."""

import logging
import re
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from suite.errors import CheckpointError, UsageError, one_line
from suite.files import atomic_write
from suite.outer.snapshot import Snapshot, Training
from suite.run import checkpoint
from suite.run.packs.archive import BEST, LAST, Entry, Pack
from suite.run.sealed import Unusable

log = logging.getLogger(__name__)

Taken = Literal["taken", "as far", "further"]


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A training, and the files that hold it, by their names in a pack."""

    snapshot: Snapshot
    files: Mapping[str, bytes]

    @property
    def training(self) -> Training:
        """The training that this is."""
        return self.snapshot.history.training

    @property
    def finished(self) -> bool:
        """Whether it has come to its end."""
        return self.snapshot.iteration >= self.training.iterations

    @property
    def entry(self) -> Entry:
        """Its entry in a pack's manifest, without its files."""
        return Entry(
            training=self.training.name,
            title=self.training.title,
            iteration=self.snapshot.iteration,
            iterations=self.training.iterations,
            members={},
        )

    def __str__(self) -> str:
        return described(self.entry)


def described(entry: Entry) -> str:
    """A training and how far it is, in words."""
    at = "finished" if entry.iteration >= entry.iterations else f"at {entry.iteration:,}"
    return one_line(f"{entry.title} ({entry.training}), {at}")


def saved_in(root: Path, names: Container[str] | None = None) -> Iterator[Saved]:
    """Yield the trainings in the folders below `root`, in the order of their names.

    With `names`, only those are read. A training may be under way: no lock is taken, since a file
    is replaced in one step. The last checkpoint is read before the best, so that the best is never
    older than the curve of the last says.
    """
    for folder in sorted({path.parent for path in root.glob("*/checkpoint*.pt")}):
        if names is not None and folder.name not in names:
            continue
        found = _newest(folder)
        if found is None:
            continue
        saved, data = found
        owner = saved.history.training
        if owner.name != folder.name or not owner.title:
            whose = f"is of {owner}" if owner.title else "does not say whose it is"
            log.warning("%s", one_line(f"the checkpoint in {folder} {whose}: left out"))
            continue
        files = {LAST: data}
        best = _bytes(checkpoint.best(folder / LAST))
        of_best = None if best is None else _usable(best, folder)
        if best is not None and of_best is not None and of_best.history.training == owner:
            files[BEST] = best
        yield Saved(snapshot=saved, files=files)


def _newest(folder: Path) -> tuple[Snapshot, bytes] | None:
    for path in (folder / LAST, checkpoint.previous(folder / LAST)):
        data = _bytes(path)
        found = None if data is None else _usable(data, folder)
        if data is not None and found is not None:
            return found, data
    return None


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return None
    except OSError as error:
        raise CheckpointError(f"cannot read the checkpoint {path}: {error.strerror}") from error


def _usable(data: bytes, folder: Path) -> Snapshot | None:
    """The snapshot in `data`, of any training; None, and a logged reason, where it is of no use."""
    try:
        return checkpoint.decoded(data, folder.name)
    except Unusable as error:
        log.warning("a checkpoint in %s cannot be used (%s)", folder, error)
        return None


def unpacked(pack: Pack, entry: Entry) -> Saved:
    """The training that `entry` names; a `ValueError` where its files are not as the entry says."""
    files = pack.members(entry)
    try:
        found = {name: checkpoint.decoded(data) for name, data in files.items()}
    except Unusable as error:
        raise ValueError(f"a checkpoint of {entry.training} cannot be used: {error}") from error
    last = found[LAST]
    names = {each.history.training for each in found.values()}
    if names != {last.history.training} or last.history.training.name != entry.training:
        raise ValueError(f"what it has for {entry.training} is the checkpoint of another training")
    saved = Saved(snapshot=last, files=files)
    if (entry.title, entry.iteration, entry.iterations) != _told(saved):
        raise ValueError(f"its manifest and the checkpoint of {entry.training} differ")
    return saved


def _told(saved: Saved) -> tuple[str, int, int]:
    return saved.training.title, saved.snapshot.iteration, saved.training.iterations


def take(saved: Saved, folder: Path) -> Taken:
    """Put `saved` into `folder`, unless the training in it has come as far or further.

    Returns `taken` where it was put there, else how far the training in the folder is. The caller
    holds the folder's lock. Raises `CheckpointError` where `checkpoint.save` would, and where
    another training is in the folder.
    """
    there = _newest(folder) if folder.is_dir() else None
    if there is not None and there[0].history.training.name != folder.name:
        owner = there[0].history.training
        message = f"{folder} has the checkpoint of another training, {owner}: move it away"
        raise CheckpointError(one_line(message))
    if there is not None and there[0].iteration >= saved.snapshot.iteration:
        return "further" if there[0].iteration > saved.snapshot.iteration else "as far"
    last = folder / LAST
    # The last one comes last: once it is there, the training goes on from it. It is its own
    # predecessor too, since a group whose seeds have none in common would begin anew.
    names = {checkpoint.best(last): BEST, checkpoint.previous(last): LAST, last: LAST}
    for path, name in names.items():
        if name in saved.files:
            with checkpoint.writing(path):
                atomic_write(path, saved.files[name])
    return "taken"


@contextmanager
def locked(folder: Path, training: Training) -> Iterator[None]:
    """Hold the lock of a training; a `UsageError` where another process is at it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0.0):
            yield
    except Timeout:
        raise UsageError(
            one_line(f"{training} is being run by another process here; wait for it, then again")
        ) from None


def slug(training: Training) -> str:
    """A file name for this training alone: its title as words, then its name."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", training.title.split(",")[0])
    return f"{words}-{training.name}"
