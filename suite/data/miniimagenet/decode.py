"""From a copy of mini-ImageNet to its pixels, and to what a user of that copy should know."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from suite.data.cache import Decoded, content_of
from suite.data.decoding import Picture, decode_all, read_picture
from suite.data.images import Progress
from suite.data.manifest import find_duplicates
from suite.data.miniimagenet.copies import Copy
from suite.data.miniimagenet.files import Listing
from suite.data.miniimagenet.pickles import pickle_rows
from suite.data.miniimagenet.split import Expected
from suite.data.unreadable import unreadable
from suite.files import open_regular

SHOWN_GROUPS = 10

Rows = Iterator[npt.NDArray[np.uint8]]
"""(image, channel, height, width) of each class in turn"""


def decode_copy(copy: Copy, expected: Expected, progress: Progress | None) -> Decoded:
    """Read the copy class by class, in the order of `expected.classes`."""
    raw_lines: list[str] = []  # of the files' bytes
    plain = [0]  # images of a single colour
    if copy.listing is None:
        names = tuple(f"{index:03}" for index in range(expected.n_images))  # they have no others
        files = (names,) * len(expected.classes)
        rows: Iterable[npt.NDArray[np.uint8]] = pickle_rows(copy.pickles, expected)
        if progress is not None:
            rows = progress(rows, "mini-ImageNet, classes", len(expected.classes))
    else:
        listing = copy.listing()
        files = tuple(
            tuple(picture.name.split("/", 1)[1] for picture in classes[name])
            for classes in listing.values()
            for name in classes
        )
        rows = _file_rows(listing, expected.n_images, raw_lines, progress)
    return Decoded(
        images=_counting_plain(rows, plain),
        classes=expected.classes,
        files=files,
        warnings=lambda lines: (
            *duplicate_report(lines, raw_lines, expected.part_of),
            *((f"images of a single colour: {plain[0]}",) if plain[0] else ()),
        ),
    )


def content_of_copy(copy: Copy) -> str:
    """A hash of the names and bytes of what `decode_copy` would read."""
    if copy.listing is None:
        return content_of((part, _digest(path)) for part, path in copy.pickles.items())
    pictures = (p for classes in copy.listing().values() for row in classes.values() for p in row)
    return content_of((picture.name, _bytes(picture)) for picture in pictures)


def _digest(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        failed = f"{path} cannot be read"
        raise unreadable(path, error, failed=failed, advice="replace that copy") from error


def _bytes(picture: Picture) -> bytes:
    try:
        return read_picture(picture)
    except OSError as error:
        failed = f"cannot decode {picture}"
        raise unreadable(picture, error, failed=failed, advice="replace that copy") from error


def _file_rows(
    listing: Listing, n_images: int, raw_lines: list[str], progress: Progress | None
) -> Rows:
    pictures = [p for classes in listing.values() for row in classes.values() for p in row]
    decoded: Iterable[tuple[npt.NDArray[np.uint8], str]] = decode_all(pictures)
    if progress is not None:
        decoded = progress(decoded, "mini-ImageNet", len(pictures))
    steps = zip(pictures, decoded, strict=True)
    while row := list(islice(steps, n_images)):
        raw_lines += (f"{picture.name} {digest}" for picture, (_, digest) in row)
        yield np.stack([pixels for _, (pixels, _) in row])


def _counting_plain(rows: Iterable[npt.NDArray[np.uint8]], plain: list[int]) -> Rows:
    """Pass `rows` on; copies are about in which broken images were filled with one colour."""
    for row in rows:
        extent = np.ptp(row, axis=(2, 3)).max(axis=1)  # (image,)
        plain[0] += int((extent == 0).sum())
        yield row


def duplicate_report(
    lines: Iterable[str], raw_lines: Iterable[str], part_of: Mapping[str, str]
) -> tuple[str, ...]:
    """How often images are the same, as files and as pixels alone, and where across the split.

    One line of counts for each of the two, and one line for each group that spans two parts, at
    most ten. The original mini-ImageNet has eight pairs, six of them across train and val.
    """
    raw = find_duplicates(raw_lines)
    known = set(raw)
    pixels = [group for group in find_duplicates(lines) if group not in known]
    return (
        *_report(raw, "identical files", part_of),
        *_report(pixels, "identical pixels", part_of),
    )


def _report(
    groups: Sequence[tuple[str, ...]], what: str, part_of: Mapping[str, str]
) -> Iterator[str]:
    where = {g: sorted({part_of[name.split("/", 1)[0]] for name in g}) for g in groups}
    counts = Counter(
        f"within {parts[0]}" if len(parts) == 1 else f"across {' and '.join(parts)}"
        for parts in where.values()
    )
    if counts:
        text = ", ".join(f"{count} {parts}" for parts, count in sorted(counts.items()))
        yield f"{what}, groups: {text}"
    across = [group for group, parts in where.items() if len(parts) > 1]
    for group in across[:SHOWN_GROUPS]:
        placed = (f"{part_of[name.split('/', 1)[0]]} {name}" for name in group)
        yield f"{what}: {' = '.join(placed)}"
    if len(across) > SHOWN_GROUPS:
        yield f"{what}: {len(across) - SHOWN_GROUPS} more groups across parts"
