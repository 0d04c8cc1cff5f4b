"""The copies of mini-ImageNet that are three pickles, mini-imagenet-cache-{train,val,test}.pkl.

Each is a dict: `image_data`, uint8 (n, 84, 84, 3), and `class_dict`, class -> indices in it. A
pickle can be made to do harm, so each is read in a process of its own (`pickle_child`).
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
import numpy.typing as npt

from suite.data.decoding import SIZE
from suite.data.miniimagenet.split import Expected, check
from suite.data.unreadable import unreadable
from suite.errors import DataError, one_line
from suite.files import open_regular
from suite.parsing import NotJson, parsed

_SHAPE = (*SIZE, 3)
_MOST_HEADER = 2**20
_SPARE = 4  # times the pixels that a file should have: Python 2 needs up to two bytes for one


class _Reply(msgspec.Struct, frozen=True):
    """The first line that the process writes; it has one of the two fields."""

    error: str = ""
    counts: dict[str, int] | None = None
    """Class to its number of images."""


def pickle_rows(paths: Mapping[str, Path], expected: Expected) -> Iterator[npt.NDArray[np.uint8]]:
    """(image, channel, height, width) of each class in turn; one class is in memory at a time.

    Images stand in the order of their indices. Raises `DataError` where a file is not as above.
    """
    size = expected.n_images * int(np.prod(_SHAPE))
    for part, path in paths.items():
        with _reading(path, _SPARE * size * len(expected.parts[part]) + 2**20) as out:
            counts = _counts(path, out)
            if counts is None:
                return  # `_reading` says how the process ended
            check(path, {part: counts}, expected)
            for _ in expected.parts[part]:  # in the order of their names, as they are written
                data = out.read(size)
                if len(data) != size:
                    return
                rows = np.frombuffer(data, np.uint8).reshape(expected.n_images, *_SHAPE)
                yield np.ascontiguousarray(rows.transpose(0, 3, 1, 2))


@contextlib.contextmanager
def _reading(path: Path, limit: int) -> Iterator[IO[bytes]]:
    """What the process that reads `path` writes. A `DataError` where that process died."""
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise DataError(f"{path} has {size:,} bytes, more than mini-ImageNet can need")
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "suite.data.miniimagenet.pickle_child"],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": _search_path(), "OPENBLAS_NUM_THREADS": "1"},
            )
    except OSError as error:
        failed = f"{path} cannot be read"
        raise unreadable(path, error, failed=failed, advice="replace that copy") from error
    assert child.stdout is not None
    try:
        yield child.stdout
        child.stdout.close()
        if child.wait() != 0:
            raise DataError(
                f"{path} brought down the process that read it ({_ending(child.returncode)}): "
                "replace that copy"
            )
    finally:
        child.kill()
        child.stdout.close()
        child.wait()


def _counts(path: Path, out: IO[bytes]) -> dict[str, int] | None:
    """How many images each class has, as the process says; None where it died before."""
    line = out.readline(_MOST_HEADER)
    if not line.endswith(b"\n"):
        return None
    try:
        reply = parsed(line, _Reply)
    except NotJson as error:
        raise DataError(f"{path} confused the process that read it ({error}): replace it") from None
    if reply.counts is None:
        raise DataError(f"{path} {one_line(reply.error)}")
    return reply.counts


def _search_path() -> str:
    """Where the process finds this package, which need not be installed."""
    root = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
