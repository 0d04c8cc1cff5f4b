"""Arrays and plain containers of Python 2 and 3 are read; whatever else is asked for is not run."""

import os
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import mini_copies
import numpy as np
import pytest
from mini_copies import EXPECTED

from suite.data.miniimagenet import load_miniimagenet
from suite.data.unpickling import load_arrays
from suite.errors import DataError

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


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
        with pytest.raises(DataError, match=r"asks for (builtins|__builtin__)\.set"):
            load_arrays(path)
        content["others"] = content["others"][1:]
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    found = load_arrays(path)
    np.testing.assert_array_equal(found["image_data"], ARRAY)
    np.testing.assert_array_equal(found["fortran"], ARRAY)
    assert found["class_dict"]["b"] == [2, 3]
    assert found["others"] == content["others"]


def test_pickles_of_python_2_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pkl"
    write_python2(path, {"image_data": ARRAY, "class_dict": {"n01532829": [0, 1]}})
    found = load_arrays(path)
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
    with pytest.raises(DataError, match=rf"refused: it asks for .*{function.__name__}") as caught:
        load_arrays(path)
    assert "\n" not in str(caught.value)
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
    with pytest.raises(DataError, match="is refused: it asks for"):
        load_arrays(path)


@pytest.mark.parametrize("content", [b"", b"<html>", pickle.dumps(ARRAY)[:-20]])
def test_what_is_no_whole_pickle_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "content.pkl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"content\.pkl cannot be read .*: replace that copy$"):
        load_arrays(path)
