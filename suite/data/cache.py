"""Decoded image data sets on disk: built once, afterwards mapped into memory.

An entry is an array (`.npy`), its manifest, and a description, written last, without which nothing
is there yet. The array is written class by class, so that none has to fit into memory.

What is checked when: the key of an entry is a hash of the content of the files that were decoded,
so a fresh copy of the same data finds it. A copy whose names, sizes and times (of change, too) are
those of one that was hashed before is not hashed again (`.sources`): nobody but root can change a
file and not its times. The fingerprint is computed from the pixels at every load, so that a record
names the data that was really used; for the 1.27 GB of mini-ImageNet that takes one or two seconds.
"""

import contextlib
import hashlib
import io
import logging
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from filelock import FileLock

from suite.data.images import ImageData, Split
from suite.data.manifest import fingerprint, image_lines
from suite.errors import DataError
from suite.files import atomic_path, atomic_write, cache_dir, open_regular, read_regular
from suite.parsing import parsed

log = logging.getLogger(__name__)

SOURCES = ".sources"
MOST_SOURCES = 50
MOST_DESCRIPTION = 2**28


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What is written last of an entry."""

    classes: tuple[str, ...]
    files: tuple[tuple[str, ...], ...]
    """The names of the images, class by class."""
    fingerprint: str
    shape: tuple[int, ...]
    """(class, image, channel, height, width)."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """What a data set's reader hands over to be cached."""

    images: Iterable[npt.NDArray[np.uint8]]
    """One array (image, channel, height, width) a class, all of one shape; read once, in order."""
    classes: tuple[str, ...]
    files: tuple[tuple[str, ...], ...]  # [class][image], the name of the file or drawing
    warnings: Callable[[Sequence[str]], tuple[str, ...]]
    """What to warn of, from the lines of the manifest; asked when all images were read."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The files that an entry is made of."""

    stamp: str
    """A hash of their names, sizes and times: quick to have, and another one for each copy."""
    content: Callable[[], str]
    """A hash of their names and bytes, which takes some seconds; see `content_of`."""
    settings: str
    """What the pixels depend on beside the files."""


def content_of(files: Iterable[tuple[str, bytes]]) -> str:
    """A hash of files by name, in their order."""
    digest = hashlib.sha256()
    for name, data in files:
        digest.update(f"{name} {hashlib.sha256(data).hexdigest()}\n".encode())
    return digest.hexdigest()


def made(settings: str) -> Source:
    """The source of data that is made of nothing but `settings`."""
    return Source(stamp=settings, content=lambda: "", settings=settings)


def data_dir() -> Path:
    """The folder of the entries."""
    return cache_dir() / "data"


def cached(
    name: str, *, source: Source, build: Callable[[], Decoded], split: Split | None = None
) -> ImageData:
    """Load the data set from the cache, or `build` it and put it there.

    Where several processes ask at once, one builds and the others wait. A damaged entry is built
    again. Raises `DataError` where the cache cannot be written, as on a full disk; what was half
    written then is removed.
    """
    folder = data_dir()
    seen = _short(source.settings + "\n" + source.stamp)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = _entry_of(folder, name, seen)
        found = None if known is None else read_entry(name, known, split, logging.DEBUG)
        if found is not None:
            return found
        with FileLock(folder / f"{name}.lock"):
            content = _short(source.settings + "\n" + source.content())
            stem = folder / f"{name}-{content}"
            # It may be there of another copy, or by a process that we waited for.
            found = read_entry(name, stem, split)
            if found is None:
                _remove_leftovers(stem)
                _write(stem, build())
                found = read_entry(name, stem, split)
            _remember(stem, seen)
    except OSError as error:  # readers name their own files in a `DataError`
        raise _unwritable(name, error) from error
    if found is None:
        raise DataError(
            f"the cache file {_beside(stem, '.npy')} cannot be read back after it was written; "
            "check the disk, or set SUITE_CACHE to another directory"
        )
    return found


def put(name: str, label: str, decoded: Decoded) -> None:
    """Write an entry of that label, in place of what is there; a `DataError` where that fails."""
    folder = data_dir()
    stem = folder / f"{name}-{label}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{name}.lock"):
            _remove_leftovers(stem)
            _write(stem, decoded)
            # An entry without is one of an older version: see `suite.data.stored`.
            _beside(stem, SOURCES).touch()
    except OSError as error:
        raise _unwritable(name, error) from error


def _unwritable(name: str, error: OSError) -> DataError:
    return DataError(
        f"cannot put {name} into the cache {data_dir()} ({error.strerror or error}): "
        "make room there, or set SUITE_CACHE to another directory"
    )


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _entry_of(folder: Path, name: str, seen: str) -> Path | None:
    """The entry that was made of the copy with this stamp."""
    for path in folder.glob(f"{name}-*{SOURCES}"):
        with contextlib.suppress(OSError):
            if seen in _stamps(path):
                return path.with_name(path.name.removesuffix(SOURCES))
    return None


def _stamps(path: Path) -> list[str]:
    return read_regular(path, 2**20).decode("ascii", "replace").split()


def _remember(stem: Path, seen: str) -> None:
    """Keep that this stamp is of this entry's content, and forget the oldest."""
    path = _beside(stem, SOURCES)
    known = _stamps(path) if path.exists() else []
    kept = [*(each for each in known if each != seen), seen][-MOST_SOURCES:]
    atomic_write(path, "".join(f"{each}\n" for each in kept).encode())


def read_entry(
    name: str, stem: Path, split: Split | None, level: int = logging.WARNING
) -> ImageData | None:
    """The cached data set whose files begin with `stem`, or None if there is none that is whole."""
    described = _beside(stem, ".json")
    if not described.exists():
        return None
    try:
        about = parsed(read_regular(described, MOST_DESCRIPTION), Description)
        images = mapped(stem, about.shape)
        digest = fingerprint(image_lines(images, about.classes, about.files))
        if digest != about.fingerprint:
            raise ValueError("its pixels are not those of its manifest")
    except Exception as error:  # what is damaged fails in any way
        reason = " ".join(str(error).split())[:200]
        log.log(level, "decoding %s again: the cache entry %s is damaged (%s)", name, stem, reason)
        return None
    with contextlib.suppress(OSError):  # a cache that others share may not be ours to write
        os.utime(described)  # `suite data --cache` tells when an entry was last used
    return ImageData(
        name=name,
        images=images,
        classes=about.classes,
        fingerprint=digest,
        warnings=about.warnings,
        fixed_split=split,
    )


def mapped(stem: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """The array of an entry, of that `shape`; a `ValueError` where it has another.

    Its header is held to what was written, and not interpreted.
    """
    header = _header(shape)
    with open_regular(_beside(stem, ".npy")) as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(len(header)) != header or size != len(header) + math.prod(shape):
            raise ValueError("its header or size is another")
        return np.memmap(file, np.uint8, "c", len(header), shape)


def _write(stem: Path, decoded: Decoded) -> None:
    """Write the array, its manifest and, last, the description that makes the entry count."""
    lines: list[str] = []
    with atomic_path(_beside(stem, ".npy")) as temporary, temporary.open("wb") as file:
        rows = zip(decoded.classes, decoded.files, decoded.images, strict=True)
        for index, (name, files, row) in enumerate(rows):
            if index == 0:
                shape = row.shape
                file.write(_header((len(decoded.classes), *shape)))
            assert row.shape == shape, name
            # Not a writable map of the file: on a full disk that ends the process with SIGBUS.
            file.write(row.tobytes())
            lines += image_lines(row[None], (name,), (files,))
    lines.sort()
    about = Description(
        classes=decoded.classes,
        files=decoded.files,
        fingerprint=fingerprint(lines),
        shape=(len(decoded.classes), *shape),
        warnings=decoded.warnings(lines),
    )
    atomic_write(_beside(stem, ".manifest.txt"), "".join(f"{line}\n" for line in lines).encode())
    atomic_write(_beside(stem, ".json"), msgspec.json.encode(about) + b"\n")


def _header(shape: tuple[int, ...]) -> bytes:
    """What numpy writes before an array of bytes of this shape."""
    file = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(np.dtype(np.uint8))
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def _remove_leftovers(stem: Path) -> None:
    """Remove what a killed process left half written; called under the entry's lock."""
    for path in stem.parent.glob(f".{stem.name}.*.tmp"):
        path.unlink(missing_ok=True)


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)
