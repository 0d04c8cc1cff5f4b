"""Read pickles of numpy arrays and plain containers; nothing else in them is built or called.

A pickle is a program, and `pickle.load` runs whatever it names. The three files in which
mini-ImageNet is passed around, mini-imagenet-cache-{train,val,test}.pkl, need a few names.
"""

import codecs
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from suite.errors import DataError


class _Refused(Exception):
    """The pickle names something that is not admitted."""


def _reconstruct(subtype: type, shape: tuple[int, ...], _code: bytes) -> Any:
    """numpy's of that name: an empty array, which the pickle then fills."""
    if subtype is not np.ndarray:
        raise _Refused(f"an array of type {subtype}")
    return np.ndarray.__new__(np.ndarray, shape, dtype="b")


def _frombuffer(buffer: Any, dtype: Any, shape: tuple[int, ...], order: Any = "C") -> Any:
    """numpy's of that name: an array as protocol 5 writes it."""
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


def _scalar(dtype: Any, data: bytes) -> Any:
    """numpy's of that name, for numbers alone."""
    return np.frombuffer(data, dtype=dtype)[0]


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes for protocol 2, where the codec is always latin1."""
    if codecs.lookup(encoding).name != "iso8859-1":
        raise _Refused(f"the codec {encoding!r}")
    return text.encode("latin1")


_ADMITTED: dict[str, Callable[..., Any]] = {
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "_codecs.encode": _encode,
    "collections.OrderedDict": OrderedDict,
    "collections.defaultdict": defaultdict,
    "builtins.list": list,
    "builtins.dict": dict,
    "builtins.bytes": bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        try:
            return _ADMITTED[f"{known}.{name}"]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None


def load_arrays(path: Path) -> Any:
    """What the pickle at `path` holds; the text of Python 2 comes as bytes.

    Raises `DataError`, naming it, where the pickle wants anything but arrays and plain containers,
    and where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _load(file)
    except _Refused as error:
        raise DataError(
            f"{path} is refused: it asks for {error}, and only arrays and plain containers may "
            "stand in it"
        ) from error
    except Exception as error:  # a torn pickle fails in any way
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {reason}): replace that copy"
        ) from error


def _load(file: BinaryIO) -> Any:
    # Not "latin1", which would hold the pixels of a pickle of Python 2 as text first.
    return _Unpickler(file, encoding="bytes").load()
