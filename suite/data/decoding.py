"""Decode many image files at once, in order, to 84x84 RGB.

In threads: Pillow releases the interpreter's lock where it decodes and resizes, and on two cores
threads were as fast as processes, whose results have to be sent.
"""

import errno
import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from suite.data.pictures import ERRORS, open_image
from suite.data.unreadable import unreadable
from suite.errors import one_line
from suite.files import open_regular, read_regular

SIZE = (84, 84)
FORMATS = ("JPEG", "PNG")  # a PNG is among ILSVRC-2012's files that are named .JPEG
MOST_PIXELS = 2**26  # ILSVRC-2012 has none larger
MOST_BYTES = 2**26
CHUNK = 50  # images a job: one alone would be outweighed by what a job costs


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Where one image lies."""

    name: str
    """CLASS/FILE in the manifest."""
    path: Path
    """The image itself, or the tar that holds it."""
    span: tuple[int, int] | None = None  # offset and size inside the tar

    def __str__(self) -> str:
        return one_line(f"{self.path}" if self.span is None else f"{self.path} ({self.name})")


Picked = tuple[npt.NDArray[np.uint8], str]
"""(channel, height, width), and the sha256 of the file's bytes"""


def decode_all(pictures: Sequence[Picture]) -> Iterator[Picked]:
    """Decode in order, some chunks ahead of the reader. Raises `DataError`, naming the file."""
    workers = os.cpu_count() or 1
    chunks = (pictures[start : start + CHUNK] for start in range(0, len(pictures), CHUNK))
    pool = ThreadPoolExecutor(workers)
    try:
        jobs: deque[Future[list[Picked]]] = deque()
        for chunk in chunks:
            jobs.append(pool.submit(_decode_chunk, chunk))
            if len(jobs) > 2 * workers:
                yield from jobs.popleft().result()
        while jobs:
            yield from jobs.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _decode_chunk(pictures: Sequence[Picture]) -> list[Picked]:
    return [decode(picture) for picture in pictures]


def decode(picture: Picture) -> Picked:
    """Read one image as RGB; where it is not 84x84 yet, squash it to that with Lanczos.

    As the authors do (proc_images.py), without regard to the aspect ratio. They then saved a JPEG
    again, at Pillow's default quality, and read that; this does not.
    """
    try:
        data = read_picture(picture)
        with open_image(data, FORMATS, MOST_PIXELS) as image:
            rgb = image.convert("RGB")
        if rgb.size != SIZE:
            rgb = rgb.resize(SIZE, Image.Resampling.LANCZOS)
    except ERRORS as error:
        failed = f"cannot decode {picture}"
        raise unreadable(picture, error, failed=failed, advice="replace that copy") from error
    pixels = np.asarray(rgb, dtype=np.uint8).transpose(2, 0, 1)
    return pixels, hashlib.sha256(data).hexdigest()


def read_picture(picture: Picture) -> bytes:
    """The bytes of one image file; an `OSError` where they cannot be had, or are too many."""
    if picture.span is None:
        return read_regular(picture.path, MOST_BYTES)
    offset, size = picture.span
    if size > MOST_BYTES:
        raise OSError(errno.EFBIG, f"{size:,} bytes, more than {MOST_BYTES:,}")
    with open_regular(picture.path) as file:
        file.seek(offset)
        return file.read(size)
