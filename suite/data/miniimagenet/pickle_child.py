"""The process that reads a stranger's pickle of mini-ImageNet, started by `pickles`.

Its standard input is the file. It writes a line of JSON, then the pixels of each class in the order
of the names; never a pickle. It can open no file and no connection and start no process, and its
memory and time are bounded: where a pickle brings it down, nothing else ends with it.
"""

import contextlib
import ctypes
import json
import os
import resource
import sys
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from suite.data.miniimagenet.unpickling import Refused, load_plain
from suite.data.unreadable import remedy

PIXELS = (84, 84, 3)
MEMORY = 2**31  # beside what follows from the size of the file
MEMORY_FACTOR = 4  # text, bytes and array of one pickle of Python 2 are there at once
SECONDS = 600
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

Indices = dict[str, npt.NDArray[np.int64]]


class _Odd(Exception):
    """Why the content is none of mini-ImageNet."""


def main() -> None:
    """Read the pickle on standard input, and write what it holds to standard output."""
    _give_up_rights(os.fstat(sys.stdin.fileno()).st_size)
    out = sys.stdout.buffer
    try:
        pixels, indices = _content(load_plain(sys.stdin.buffer))
    except Refused as error:
        _tell(
            out,
            error=f"is refused: it asks for {error}, and only arrays of numbers and plain "
            "containers may stand in it",
        )
    except _Odd as error:
        _tell(out, error=str(error))
    except Exception as error:  # a torn pickle fails in any way
        reason = " ".join(str(error).split())[:200]
        advice = remedy(error) or "replace that copy"
        _tell(out, error=f"cannot be read ({type(error).__name__}: {reason}): {advice}")
    else:
        _tell(out, counts={name: len(row) for name, row in indices.items()})
        for row in indices.values():
            out.write(pixels[row].tobytes())
    out.flush()


def _give_up_rights(size: int) -> None:
    if sys.platform == "linux":
        # A network of its own, without a device. Not every system lets a process have one; a user
        # of its own is what asks no privilege, and takes root's right to raise the limits below.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    # Not all systems know all of them. Without descriptors there are no sockets either.
    for name, limit in (
        ("RLIMIT_AS", MEMORY + MEMORY_FACTOR * size),
        ("RLIMIT_CPU", SECONDS),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NOFILE", 0),
        ("RLIMIT_NPROC", 0),
    ):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (limit, limit))


def _tell(out: BinaryIO, **content: Any) -> None:
    out.write(json.dumps(content).encode() + b"\n")


def _content(content: Any) -> tuple[npt.NDArray[np.uint8], Indices]:
    """(n, 84, 84, 3), and each class's ascending indices in it, by name."""
    try:
        held = {_text(key): value for key, value in content.items()}
        pixels = held["image_data"]
        indices = {
            _text(name): np.sort(np.asarray(row).astype(np.int64, casting="same_kind"))
            for name, row in sorted(held["class_dict"].items(), key=lambda item: _text(item[0]))
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _Odd(
            f"does not hold image_data and class_dict ({type(error).__name__}: {error!s:.200}): "
            "use a mini-imagenet-cache pickle"
        ) from error
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or _odd(pixels.shape):
        shape = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else "no array"
        raise _Odd(f"holds image_data that is {shape}, not uint8 (n, 84, 84, 3)")
    if any(row.ndim != 1 for row in indices.values()):
        raise _Odd("has indices of a class that are no list")
    used = np.sort(np.concatenate([np.empty(0, np.int64), *indices.values()]))
    if not np.array_equal(used, np.arange(len(pixels))):
        raise _Odd(
            f"has a class_dict that does not name each of the {len(pixels)} images exactly once"
        )
    return pixels, indices


def _odd(shape: tuple[int, ...]) -> bool:
    return len(shape) != 4 or shape[1:] != PIXELS


def _text(key: Any) -> str:
    if isinstance(key, bytes):
        return key.decode("latin1")
    if not isinstance(key, str):
        raise TypeError(f"a key of type {type(key).__name__}")
    return key


if __name__ == "__main__":
    main()
