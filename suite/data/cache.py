"""Decoded image data sets on disk: built once, afterwards mapped into memory.

An entry is an array (`.npy`), its manifest, and a description, written last, without which nothing
is there yet. The array is written class by class, so that none has to fit into memory. The
fingerprint is computed from the pixels at every load, so that a record names the data that was
really used; for the 1.27 GB of mini-ImageNet that takes one or two seconds.
"""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from suite.data.images import ImageData, Split
from suite.data.manifest import fingerprint, image_lines
from suite.errors import DataError
from suite.files import atomic_path, atomic_write, cache_dir

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """What a data set's reader hands over to be cached."""

    images: Iterable[npt.NDArray[np.uint8]]
    """One array (image, channel, height, width) a class, all of one shape; read once, in order."""
    classes: tuple[str, ...]
    files: tuple[tuple[str, ...], ...]  # [class][image], the name of the file or drawing
    warnings: Callable[[Sequence[str]], tuple[str, ...]]
    """From the lines of the manifest, asked when all images were read."""


def cached(
    name: str, *, cache_id: str, build: Callable[[], Decoded], split: Split | None = None
) -> ImageData:
    """Load the data set from the cache, or `build` it and put it there.

    `cache_id` stands for everything that the pixels depend on. Of several processes at once one
    builds and the others wait. A damaged cache entry is built again. Raises `DataError` where the
    cache cannot be written, as on a full disk; what was half written then is removed.
    """
    stem = cache_dir() / "data" / f"{name}-{cache_id}"
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        found = _read(name, stem, split)
        if found is not None:
            return found
        with FileLock(_beside(stem, ".lock")):
            found = _read(name, stem, split)  # another process may have built it while we waited
            if found is None:
                _remove_leftovers(stem)
                _write(stem, build())
                found = _read(name, stem, split)
    except OSError as error:  # readers name their own files in a `DataError`
        raise DataError(
            f"cannot put {name} into the cache {stem.parent} ({error.strerror or error}): "
            "make room there, or set SUITE_CACHE to another directory"
        ) from error
    if found is None:
        raise DataError(
            f"the cache file {_beside(stem, '.npy')} cannot be read back after it was written; "
            "check the disk, or set SUITE_CACHE to another directory"
        )
    return found


def _read(name: str, stem: Path, split: Split | None) -> ImageData | None:
    """The cached data set, or None if there is none that is whole."""
    described = _beside(stem, ".json")
    if not described.exists():
        return None
    try:
        about = json.loads(described.read_bytes())
        images = np.load(_beside(stem, ".npy"), mmap_mode="c", allow_pickle=False)
        classes = tuple(about["classes"])
        digest = fingerprint(image_lines(images, classes, about["files"]))
        if digest != about["fingerprint"]:
            raise ValueError("its pixels are not those of its manifest")
        warnings = tuple(about["warnings"])
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        log.warning("decoding %s again: the cache entry %s is damaged (%s)", name, stem, error)
        return None
    return ImageData(
        name=name,
        images=images,
        classes=classes,
        fingerprint=digest,
        warnings=warnings,
        fixed_split=split,
    )


def _write(stem: Path, decoded: Decoded) -> None:
    """Write the array, its manifest and, last, the description that makes the entry count."""
    lines: list[str] = []
    with atomic_path(_beside(stem, ".npy")) as temporary, temporary.open("wb") as file:
        rows = zip(decoded.classes, decoded.files, decoded.images, strict=True)
        for index, (name, files, row) in enumerate(rows):
            if index == 0:
                _write_header(file, (len(decoded.classes), *row.shape))
                shape = row.shape
            assert row.shape == shape, name
            # Not a writable map of the file: on a full disk that ends the process with SIGBUS.
            file.write(row.tobytes())
            lines += image_lines(row[None], (name,), (files,))
    lines.sort()
    about = {
        "classes": decoded.classes,
        "files": decoded.files,
        "fingerprint": fingerprint(lines),
        "warnings": decoded.warnings(lines),
    }
    atomic_write(_beside(stem, ".manifest.txt"), "".join(f"{line}\n" for line in lines).encode())
    atomic_write(_beside(stem, ".json"), (json.dumps(about, sort_keys=True) + "\n").encode())


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(np.uint8))
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _remove_leftovers(stem: Path) -> None:
    """Remove what a killed process left half written; called under the entry's lock."""
    for path in stem.parent.glob(f".{stem.name}.*.tmp"):
        path.unlink(missing_ok=True)


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)
