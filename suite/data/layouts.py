"""Where in a user's folder a data set may lie, and what to say where it is not found."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_DEPTH = 3
_MOST_FOLDERS = 500


def stamp(status: os.stat_result) -> str:
    """What differs after a file has changed: a tool that sets its times back changes `ctime`."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def folders_in(place: Path) -> list[Path]:
    """The visible folders in `place`, by name; none where it is no folder."""
    try:
        with os.scandir(place) as entries:
            found = [Path(entry) for entry in entries if entry.name[0] != "." and _is_dir(entry)]
    except (NotADirectoryError, FileNotFoundError):
        return []
    return sorted(found)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def looks_like(names: tuple[str, ...]) -> Callable[[Path], bool]:
    """Whether a path has one of these names, whatever its case, hyphens and underscores."""
    return lambda path: _plain(path.name) in {_plain(name) for name in names}


def elsewhere(root: Path, is_copy: Callable[[Path], bool]) -> str:
    """A sentence that names where a copy lies, above or below `root`; empty where none is seen."""

    def seen(place: Path) -> bool:
        try:
            return is_copy(place)
        except OSError:  # not ours to read
            return False

    found = next(filter(seen, (root.parent, *_below(root))), None)
    return "" if found is None else f"; it seems to lie in {found}: pass --data {found}"


def unopened(words: tuple[str, ...], *places: Path) -> str:
    """A sentence that names archives in `places` with one of `words` in their names, or nothing."""
    found: list[str] = []
    for place in places:
        with contextlib.suppress(OSError):
            names = (entry.name for entry in place.iterdir())
            found += sorted(name for name in names if _is_archive(name.lower(), words))
    return f"; unpack what lies there unopened: {', '.join(found[:5])}" if found else ""


def _is_archive(name: str, words: tuple[str, ...]) -> bool:
    return name.endswith(ARCHIVES) and any(word in name for word in words)


def _below(root: Path) -> Iterator[Path]:
    """The folders of `root`, level by level, as far as is quickly done."""
    level, seen = [root], 0
    for _ in range(_DEPTH):
        level = [folder for place in level for folder in _readable(place)]
        seen += len(level)
        yield from level
        if seen > _MOST_FOLDERS:
            return


def _readable(place: Path) -> list[Path]:
    try:
        return folders_in(place)
    except OSError:
        return []


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")
