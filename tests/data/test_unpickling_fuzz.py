"""No pickle, generated or damaged, ends the process that reads it, or becomes an array of objects.

A host process reads them, so that one that does is an example that hypothesis can shrink.
"""

import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_unpickling import ATTACKS, Made

FUNCTIONS = [
    np.dtype,
    np.ndarray,
    bytes,
    list,
    dict,
    np.int64(1).__reduce__()[0],
    np.zeros(1).__reduce__()[0],  # type: ignore[misc]
    np._core.numeric._frombuffer,  # type: ignore[attr-defined]
]
CODES = ["O8", "O", "u1", "i8", "V8", "U1", "S", "f4", "M8", "c16", "u1,O", b"u1", "2O", "|O"]
SHAPES = [(), (0,), (1,), (2,), (-1,), (2**40,), (2**63, 2), (2**32, 2**32), (1,) * 40]
STATE = (3, "|", None, None, None, -1, -1, 0)

parts = st.sampled_from(
    [*CODES, *SHAPES, STATE, (4, *STATE[1:], {}), (*STATE[:7], 63), "C", "F", None, True, -1, 0, 8]
) | st.binary(max_size=16)


def _made(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(children, max_size=5).map(tuple)
    call = st.builds(Made, st.sampled_from(FUNCTIONS), several)
    with_state = st.builds(Made, st.sampled_from(FUNCTIONS), several, several | parts)
    return call | with_state | several | st.lists(children, max_size=3)


things = st.recursive(parts | st.sampled_from(FUNCTIONS), _made, max_leaves=12)


class Host:
    """The process that reads."""

    def __init__(self) -> None:
        self.child = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        script = Path(__file__).with_name("pickle_host.py")
        return subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def read(self, data: bytes) -> bytes:
        """`+` for a pickle that was read, `-` for a refused one, nothing where the host died."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(struct.pack("<I", len(data)) + data)
        self.child.stdin.flush()
        answer = self.child.stdout.read(1)
        if not answer:
            self.close()
            self.child = self._start()
        return answer

    def close(self) -> None:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.wait()


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


def _good() -> list[bytes]:
    content = {
        "image_data": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "class_dict": {"a": [0, 1], "b": np.arange(3), "c": [np.int64(3)]},
    }
    return [pickle.dumps(content, protocol) for protocol in range(6)]


def test_the_host_reads_what_is_sound_and_tells_what_is_refused(host: Host) -> None:
    assert [host.read(data) for data in _good()] == [b"+"] * 6
    assert [host.read(pickle.dumps(make(), 2)) for make in ATTACKS.values()] == [b"-"] * len(
        ATTACKS
    )


@settings(max_examples=400)
@given(things, st.integers(0, 5))
def test_made_pickles(host: Host, thing: object, protocol: int) -> None:
    assert host.read(pickle.dumps(thing, protocol)) in (b"+", b"-")


@settings(max_examples=400)
@given(
    st.sampled_from([*_good(), *(pickle.dumps(make(), 2) for make in ATTACKS.values())]),
    st.lists(st.tuples(st.integers(0), st.binary(max_size=3), st.integers(0, 2)), max_size=4),
)
def test_damaged_pickles(host: Host, data: bytes, edits: list[tuple[int, bytes, int]]) -> None:
    for place, put, taken in edits:
        at = place % (len(data) + 1)
        data = data[:at] + put + data[at + taken :]
    assert host.read(data) in (b"+", b"-")
