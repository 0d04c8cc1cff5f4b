"""What a data set is made of, image by image, in a form that two machines can compare.

A manifest line is `class/file sha256`, the hash taken over shape, type and pixels as decoded, so a
copy read from a zip and one read from a directory agree, and a `diff` names the image that differs.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

SHOWN_GROUPS = 5


def image_digest(pixels: npt.NDArray[np.uint8]) -> str:
    """sha256 of one image's type, shape and pixels."""
    header = f"{pixels.dtype.str} {pixels.shape}\n".encode()
    return hashlib.sha256(header + pixels.tobytes()).hexdigest()


def image_lines(
    images: npt.NDArray[np.uint8], classes: Sequence[str], files: Sequence[Sequence[str]]
) -> list[str]:
    """The manifest of `images`, sorted: it does not depend on the order of classes or images.

    `images` is (class, image, channel, height, width), `files[class][image]` the name of each.
    Raises `ValueError` where names and images do not match in number.
    """
    return sorted(
        f"{name}/{file} {image_digest(pixels)}"
        for name, row, drawings in zip(classes, files, images, strict=True)
        for file, pixels in zip(row, drawings, strict=True)
    )


def fingerprint(lines: Iterable[str]) -> str:
    """sha256 (hex) over manifest lines, whatever their order."""
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()


def find_duplicates(lines: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of two or more images with equal pixels, as sorted names `class/file`."""
    names = defaultdict(list)
    for line in lines:
        name, digest = line.rsplit(" ", 1)
        names[digest].append(name)
    return sorted(tuple(sorted(group)) for group in names.values() if len(group) > 1)


def duplicate_warnings(groups: Iterable[tuple[str, ...]], *, what: str) -> tuple[str, ...]:
    """One line for each group that spans classes, at most five, then a count; a count for the rest.

    Images equal across classes can end on both sides of a split, and make a task that holds both
    classes ambiguous. `what` names the images compared, such as "at 28x28".
    """
    across: list[tuple[str, ...]] = []
    within: list[tuple[str, ...]] = []
    for group in groups:
        spans = len({name.rsplit("/", 1)[0] for name in group}) > 1
        (across if spans else within).append(group)
    lines = [f"identical images {what}, across classes: {' = '.join(g)}" for g in across]
    if len(across) > SHOWN_GROUPS:
        more = len(across) - SHOWN_GROUPS
        lines[SHOWN_GROUPS:] = [f"identical images {what}, across classes: {more} more groups"]
    if within:
        lines.append(f"identical images {what}, groups within one class: {len(within)}")
    return tuple(lines)


def image_warnings(lines: Iterable[str], raw_lines: Iterable[str]) -> tuple[str, ...]:
    """Duplicates in the original files, then those that arise when images are shrunk."""
    raw = find_duplicates(raw_lines)
    known = set(raw)
    shrunk = [group for group in find_duplicates(lines) if group not in known]
    return (
        *duplicate_warnings(raw, what="in the original files"),
        *duplicate_warnings(shrunk, what="once shrunk"),
    )


def blank_warnings(images: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    """One line where some of `images`, (class, image, channel, height, width), have no ink."""
    blank = int((images.max(axis=(2, 3, 4)) == 0).sum())
    return (f"images without ink: {blank}",) if blank else ()
