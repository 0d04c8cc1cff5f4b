"""Which files of a registry were found good before, so that only new and changed ones are checked.

A file in the cache, one a registry. It may be deleted at any time, and where it cannot be read or
written every record is checked.
"""

import hashlib
import logging
import os
import time
from functools import cache
from pathlib import Path

import msgspec

from suite import settings
from suite.errors import UsageError
from suite.files import atomic_write, cache_dir, read_regular
from suite.parsing import NotJson, parsed

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int, int]
"""Size, times of modification and of change in nanoseconds, inode."""

# A file that changes twice within one tick of its disk's clock looks the same after both.
_TICK = 2_000_000_000
_MOST_BYTES = 2**28  # of a record it has some 150


class _Index(msgspec.Struct):
    code: str
    """A hash of the code that checked them: other code checks again."""
    files: dict[str, Stamp]


class Seen:
    """The files below `root` that were found good."""

    def __init__(self, root: Path) -> None:
        name = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:16]
        self._path = _cached(f"{name}.json")
        self._before = self._read()
        self._now: dict[str, Stamp] = {}

    def stamp(self, path: Path) -> Stamp | None:
        """The stamp of the file as it is now; None where there is none. Take it before reading."""
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino

    def __contains__(self, file: tuple[Path, Stamp | None]) -> bool:
        path, stamp = file
        return stamp is not None and self._before.get(_name(path)) == stamp

    def add(self, path: Path, stamp: Stamp | None) -> None:
        """`path` was good when it had that stamp."""
        if stamp is not None and time.time_ns() - max(stamp[1], stamp[2]) > _TICK:
            self._now[_name(path)] = stamp

    def save(self) -> None:
        """Keep what was added, and nothing else."""
        if self._path is None or self._now == self._before:
            return
        index = _Index(code=_code(), files=self._now)
        try:
            atomic_write(self._path, msgspec.json.encode(index))
        except OSError as error:
            log.debug("cannot write %s: %s", self._path, error)

    def forget(self) -> None:
        """Check everything anew next time."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Stamp]:
        if self._path is None:
            return {}
        try:
            index = parsed(read_regular(self._path, _MOST_BYTES), _Index)
        except (OSError, NotJson):
            return {}
        return index.files if index.code == _code() else {}


def _name(path: Path) -> str:
    """The bytes of the path, one a character: JSON has no place for those that are not UTF-8."""
    return os.fsencode(path).decode("latin-1")


def _cached(name: str) -> Path | None:
    """Where the file of that name is kept; None without a cache."""
    try:
        return cache_dir() / "registry" / name
    except UsageError:
        return None


@cache
def _code() -> str:
    """sha256 of the source that says what a good record is."""
    folders = Path(__file__).parent, Path(settings.__file__).parent
    sources = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
