"""Read pickles of plain numeric arrays and plain containers; nothing else in them is built.

A pickle is a program, and `pickle.load` runs whatever it names. The three files in which
mini-ImageNet is passed around, mini-imagenet-cache-{train,val,test}.pkl, need a few names. What
stands behind those names here is no more than arrays of numbers need: numpy's own `dtype` takes a
state that turns the bytes of an array into pointers.
"""

import codecs
import pickle
from collections import OrderedDict, defaultdict
from math import prod
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

PLAIN = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
_NO_FIELDS = (None, None, None, -1, -1, 0)  # subarray, names, fields, size, alignment, flags
_MOST_DIMENSIONS = 8


class Refused(Exception):
    """The pickle asks for something that is not admitted."""


class _PlainType:
    """A `numpy.dtype` of the list above, as a pickle makes it and then sets its byte order."""

    def __init__(self, code: Any, _align: Any = False, _copy: Any = True) -> None:
        text = code.decode("ascii", "replace") if isinstance(code, bytes) else code
        if not isinstance(text, str) or text not in PLAIN:
            raise Refused(f"an array of the type {text!r:.40}")
        self._code, self._order = text, "="

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) == 8 else None
        order = order.decode("ascii", "replace") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "=") or state[0] != 3 or state[2:] != _NO_FIELDS:
            raise Refused(f"an array of the type {self._code} in the state {state!r:.80}")
        self._order = order

    def resolve(self) -> np.dtype[Any]:
        return np.dtype(self._order + self._code)


class _Array(np.ndarray[Any, Any]):
    """An array as a pickle makes it, empty, until its state fills it, once."""

    def __setstate__(self, state: Any, *_: Any) -> None:
        if getattr(self, "_filled", False) or not isinstance(state, tuple) or len(state) != 5:
            raise Refused("an array in an odd state")
        _version, shape, kind, fortran, data = state
        dtype = _plain(kind)
        if not isinstance(data, bytes) or _checked(shape, dtype) != len(data):
            raise Refused("an array whose shape does not fit its data")
        super().__setstate__((1, shape, dtype, bool(fortran), data))  # type: ignore[arg-type]
        self._filled = True


class _ArrayName:
    """What `numpy.ndarray` names: only an argument, never called."""


def _reconstruct(subtype: Any, _shape: Any, _code: Any) -> _Array:
    """numpy's of that name: an empty array, which the pickle then fills."""
    if subtype is not _ARRAY:
        raise Refused(f"an array of type {subtype!r:.80}")
    return np.empty(0, "b").view(_Array)


def _frombuffer(buffer: Any, kind: Any, shape: Any, order: Any = "C") -> npt.NDArray[Any]:
    """numpy's of that name: an array as protocol 5 writes it."""
    dtype = _plain(kind)
    if not isinstance(buffer, bytes | bytearray) or _checked(shape, dtype) != len(buffer):
        raise Refused("an array whose shape does not fit its data")
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(kind: Any, data: Any) -> Any:
    """numpy's of that name, for numbers alone."""
    dtype = _plain(kind)
    if not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise Refused("a number that does not fit its data")
    return np.frombuffer(data, dtype=dtype)[0]


def _plain(kind: Any) -> np.dtype[Any]:
    if type(kind) is not _PlainType:
        raise Refused(f"an array of the type {kind!r:.80}")
    return kind.resolve()


def _checked(shape: Any, dtype: np.dtype[Any]) -> int:
    """How many bytes an array of `shape` has."""
    sizes_are_plain = isinstance(shape, tuple) and all(type(size) is int for size in shape)
    if not sizes_are_plain or len(shape) > _MOST_DIMENSIONS:
        raise Refused(f"an array of the shape {shape!r:.80}")
    if not all(0 <= size < 2**32 for size in shape):
        raise Refused(f"an array of the shape {shape!r:.80}")
    return int(prod(shape)) * dtype.itemsize


def _encode(text: Any, encoding: Any) -> bytes:
    """How Python 3 writes bytes for protocol 2, where the codec is always latin1."""
    if encoding != "latin1":
        raise Refused(f"the codec {encoding!r:.40}")
    return codecs.latin_1_encode(text)[0]


def _bytes() -> bytes:
    """How Python 3 writes empty bytes for protocol 2; with a number it would take memory."""
    return b""


def _ordered_dict(items: Any = ()) -> OrderedDict[Any, Any]:
    """An ordered dictionary, with the items that Python 2 writes as an argument."""
    return OrderedDict(items)


def _default_dict(_factory: Any = None) -> defaultdict[Any, Any]:
    """A default dictionary without its factory: nothing asks for a missing key."""
    return defaultdict()


def _no_call(*_: Any) -> Any:
    raise Refused("a call that no array needs")


_ARRAY = _ArrayName()
_ADMITTED: dict[str, Any] = {
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy.ndarray": _ARRAY,
    "numpy.dtype": _PlainType,
    "_codecs.encode": _encode,
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": _default_dict,
    "builtins.list": _no_call,
    "builtins.dict": _no_call,
    "builtins.bytes": _bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        try:
            return _ADMITTED[f"{known}.{name}"]
        except KeyError:
            raise Refused(f"{module}.{name}") from None


def load_plain(file: BinaryIO) -> Any:
    """What the pickle in `file` holds; the text of Python 2 comes as bytes.

    Raises `Refused` where it asks for anything but arrays of numbers and plain containers, and
    whatever a torn pickle raises. One that was made to do harm can still take memory, or end the
    process: read those of strangers in one that may die (`suite.data.miniimagenet.pickles`).
    """
    # Not "latin1", which would hold the pixels of a pickle of Python 2 as text first.
    return _Unpickler(file, encoding="bytes").load()
