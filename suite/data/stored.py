"""What the cache holds of data sets, how large it is, and how to remove it."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from suite.data.cache import MOST_DESCRIPTION, SOURCES, Description, data_dir
from suite.errors import DataError
from suite.files import read_regular
from suite.parsing import NotJson, parsed


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One decoded data set."""

    name: str
    """The data set."""
    stem: str
    """The name of its files, without their suffixes."""
    files: tuple[Path, ...]
    size: int  # bytes
    used: float
    """When it was last used, in seconds since 1970."""
    current: bool
    """Whether it is whole and can be found; entries of older versions cannot."""


def entries() -> list[Entry]:
    """What the cache holds, by name, the last used first. Raises `DataError` where it is locked."""
    by_stem: dict[str, list[Path]] = {}
    try:
        for path in data_dir().iterdir() if data_dir().is_dir() else ():
            if path.is_file() and not path.name.endswith(".lock"):
                by_stem.setdefault(_stem(path.name), []).append(path)
        found = [_entry(stem, sorted(files)) for stem, files in by_stem.items()]
    except OSError as error:
        raise DataError(f"cannot read the cache {data_dir()}: {error.strerror}") from error
    return sorted(found, key=lambda entry: (entry.name, -entry.used))


def clear(name: str) -> list[Entry]:
    """Remove the entries of a data set, or `all`; those that were removed.

    Trainings, records and downloads stay. A process that uses an entry keeps it until it ends.
    """
    removed = [entry for entry in entries() if name in ("all", entry.name)]
    for data_set in sorted({entry.name for entry in removed}):
        try:
            with FileLock(data_dir() / f"{data_set}.lock"):
                for entry in removed:
                    for path in entry.files if entry.name == data_set else ():
                        path.unlink(missing_ok=True)
        except OSError as error:
            raise DataError(f"cannot remove {data_set} from {data_dir()}: {error}") from error
    return removed


def _stem(name: str) -> str:
    """The stem of `NAME-HASH.SUFFIX`, or of a left-over `.NAME-HASH.SUFFIX.X.tmp`."""
    return name.removeprefix(".").partition(".")[0]


def _entry(stem: str, files: list[Path]) -> Entry:
    status = [path.stat() for path in files]
    described = data_dir() / f"{stem}.json"
    current = False
    if described in files and data_dir() / f"{stem}{SOURCES}" in files:
        with contextlib.suppress(OSError, NotJson):
            parsed(read_regular(described, MOST_DESCRIPTION), Description)
            current = True
    return Entry(
        name=stem.rpartition("-")[0] or stem,
        stem=stem,
        files=tuple(files),
        size=sum(each.st_size for each in status),
        used=max(each.st_mtime for each in status),
        current=current,
    )
