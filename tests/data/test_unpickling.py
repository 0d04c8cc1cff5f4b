"""Arrays and plain containers of Python 2 and 3 are read; whatever else is asked for is not run."""

import os
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from suite.data.miniimagenet.reader import load_miniimagenet
from suite.data.miniimagenet.unpickling import Refused, load_plain
from suite.errors import DataError
from tests.data import mini_copies
from tests.data.mini_copies import EXPECTED

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def load(path: Path) -> Any:
    with path.open("rb") as file:
        return load_plain(file)


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes text and bytes as the `str` of Python 2."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_str(self, text: str | bytes) -> None:
        data = text.encode("latin1") if isinstance(text, str) else text
        self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = save_str


def write_python2(path: Path, content: object) -> None:
    with path.open("wb") as file:
        Python2Pickler(file, 2).dump(content)
    data = path.read_bytes().replace(b"numpy._core", b"numpy.core")
    assert b"_codecs" not in data
    path.write_bytes(data)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers_come_back(tmp_path: Path, protocol: int) -> None:
    content = {
        "image_data": ARRAY,
        "class_dict": OrderedDict(a=[0, 1], b=[np.int64(2), 3], c=np.arange(3)),
        "fortran": np.asfortranarray(ARRAY),
        "others": ({1, 2}, b"", b"bytes", "täxt", None, 1.5, defaultdict(list)),
    }
    path = tmp_path / "content.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    if protocol < 4:  # no opcode for sets: they name `builtins.set`
        with pytest.raises(Refused, match=r"^(builtins|__builtin__)\.set"):
            load(path)
        content["others"] = content["others"][1:]
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    found = load(path)
    np.testing.assert_array_equal(found["image_data"], ARRAY)
    np.testing.assert_array_equal(found["fortran"], ARRAY)
    assert found["class_dict"]["b"] == [2, 3]
    assert found["others"] == content["others"]


def test_pickles_of_python_2_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pkl"
    write_python2(path, {"image_data": ARRAY, "class_dict": {"n01532829": [0, 1]}})
    found = load(path)
    np.testing.assert_array_equal(found[b"image_data"], ARRAY)
    assert found[b"class_dict"] == {b"n01532829": [0, 1]}


def test_mini_imagenet_of_python_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    new = mini_copies.make_pickles(tmp_path / "new")
    old = tmp_path / "old"
    old.mkdir()
    for part in EXPECTED.parts:
        write_python2(old / f"mini-imagenet-cache-{part}.pkl", mini_copies.content(part))
    found = load_miniimagenet(old, expected=EXPECTED)
    assert found.fingerprint == load_miniimagenet(new, expected=EXPECTED).fingerprint


class Bomb:
    """Calls `function(*arguments)` where it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("function", [os.system, eval, exec, pickle.loads, getattr, np.load])
def test_a_bomb_is_refused_by_name_and_not_run(
    tmp_path: Path, function: Callable[..., Any], protocol: int
) -> None:
    path = tmp_path / "mini-imagenet-cache-val.pkl"
    bomb = Bomb(function, f"touch {tmp_path}/exploded")
    content = {"image_data": ARRAY, "class_dict": {"n01855672": [bomb]}}
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(Refused, match=rf"{function.__name__}$"):
        load(path)
    assert not (tmp_path / "exploded").exists()


def test_a_bomb_in_a_copy_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    place = mini_copies.make_pickles(tmp_path / "copy")
    bomb = Bomb(os.system, f"touch {tmp_path}/exploded")
    (place / "mini-imagenet-cache-test.pkl").write_bytes(pickle.dumps(bomb))
    with pytest.raises(DataError, match=r"cache-test\.pkl is refused: it asks for posix\.system"):
        load_miniimagenet(place, expected=EXPECTED)
    assert not (tmp_path / "exploded").exists()
    assert not list((tmp_path / "cache" / "data").glob("*.npy"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"cnumpy\nndarray.__init_subclass__\n.", id="a dotted name"),
        pytest.param(b"c_codecs\nencode\n(Vx\nVrot13\ntR.", id="another codec"),
        pytest.param(
            b"cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\nlist\n(I0\ntS'b'\ntR.",
            id="another kind of array",
        ),
    ],
)
def test_what_is_admitted_is_admitted_for_arrays_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "content.pkl"
    path.write_bytes(content)
    with pytest.raises(Refused):
        load(path)


ATTACK_STATE = (3, "|", None, None, None, -1, -1, 0)


class Made:
    """An object that a pickle makes of a call, and then gives a state."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], *state: Any):
        self.parts = (function, arguments, *state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def _object_type() -> Made:
    return Made(np.dtype, ("O8", False, True), ATTACK_STATE)


def _array(dtype: object, shape: object, data: object) -> Made:
    function, arguments, _ = ARRAY.__reduce__()  # type: ignore[misc]
    return Made(function, arguments, (1, shape, dtype, False, data))


SCALAR = np.int64(1).__reduce__()[0]
PLAIN_TYPE = np.dtype("u1")
ATTACKS = {
    "an object hidden in a scalar": lambda: Made(SCALAR, (_object_type(), b"A" * 8)),
    "an object hidden in an array": lambda: _array(_object_type(), (2,), b"A" * 16),
    "an object type by its name": lambda: _array(Made(np.dtype, ("O",)), (1,), [None]),
    "text": lambda: np.array(["a"]),
    "dates": lambda: np.array(["2020-01-01"], "M8[D]"),
    "fields": lambda: np.zeros(2, [("a", "u1"), ("b", "O")]),
    "a state with flags": lambda: _array(
        Made(np.dtype, ("u1", False, True), (3, "|", None, None, None, -1, -1, 63)), (1,), b"A"
    ),
    "a state with fields": lambda: _array(
        Made(np.dtype, ("u1", False, True), (3, "|", None, ("a",), {"a": (1, 0)}, 8, 1, 0)),
        (1,),
        b"A",
    ),
    "more than the data": lambda: _array(PLAIN_TYPE, (2**40,), b"A"),
    "sizes that overflow": lambda: _array(PLAIN_TYPE, (2**63, 2), b""),
    "a negative size": lambda: _array(PLAIN_TYPE, (-1, -1), b"A"),
    "many dimensions": lambda: _array(PLAIN_TYPE, (1,) * 60, b"A"),
    "a scalar that is too short": lambda: Made(SCALAR, (np.dtype("i8"), b"A")),
    "an array as a buffer": lambda: Made(
        np._core.numeric._frombuffer,  # type: ignore[attr-defined]
        (np.arange(3), np.dtype("i8"), (3,), "C"),
    ),
    "memory": lambda: Made(bytes, (2**40,)),
    "an array made directly": lambda: Made(np.ndarray, ((2,), "O")),
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("attack", ATTACKS)
def test_only_plain_numbers_become_arrays(tmp_path: Path, attack: str, protocol: int) -> None:
    path = tmp_path / "content.pkl"
    path.write_bytes(pickle.dumps({"image_data": ATTACKS[attack]()}, protocol=protocol))
    with pytest.raises((Refused, TypeError)):
        load(path)


def _nested_key(depth: int) -> bytes:
    """A dict with a key of tuples within tuples, whose hash overflows the stack."""
    return b"})" + b"\x85" * depth + b"Ns."


FATAL = {
    "a fatal recursion": (lambda: _nested_key(10**6), r"brought down .* \(SIG[A-Z]+\)"),
    "an empty file": (lambda: b"", r"cannot be read \(EOFError"),
    "a web page": (lambda: b"<html>", r"cannot be read \(UnpicklingError"),
    "half a file": (lambda: pickle.dumps(mini_copies.content("test"))[:-20], "cannot be read"),
    "a type": (lambda: pickle.dumps({"a": _array(_object_type(), (1,), b"A" * 8)}), "is refused"),
    "too much memory": (lambda: b"r\xff\xff\xff\x7f".join((b"]", b".")), "MemoryError"),
}


@pytest.mark.parametrize("case", FATAL)
def test_what_a_pickle_does_to_its_reader_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    make, message = FATAL[case]
    place = mini_copies.make_pickles(tmp_path / "copy")
    (place / "mini-imagenet-cache-test.pkl").write_bytes(make())
    with pytest.raises(DataError, match=rf"cache-test\.pkl .*{message}") as caught:
        load_miniimagenet(place, expected=EXPECTED)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache" / "data").glob("*.npy"))


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_pickle_that_is_no_regular_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    place = mini_copies.make_pickles(tmp_path / "copy")
    (place / "mini-imagenet-cache-val.pkl").unlink()
    make(place / "mini-imagenet-cache-val.pkl")
    with pytest.raises(DataError, match=r"cache-val\.pkl .*not a regular file"):
        load_miniimagenet(place, expected=EXPECTED)
