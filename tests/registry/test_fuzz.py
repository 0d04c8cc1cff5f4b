"""Whatever bytes a file of the registry holds: refused by name, or the same in meaning."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from suite.errors import RegistryError
from suite.registry.store import decode, encode

FUZZ = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
# What a key does not cover and nothing else in the record follows from: times, places, words.
FREE = ("timing", "provenance", "curve", "selected", "attempt", "examples")


@pytest.fixture(scope="module")
def record(make_record):
    return make_record()


def bound(record):
    """All that must not change unseen."""
    data = structs.replace(record.data, name="", warnings=())
    # A step that one task lacks has no mean: of the others' values at it, nothing else tells.
    per_task = {
        name: [row for row in rows if None not in row] for name, rows in record.per_task.items()
    }
    values = structs.asdict(structs.replace(record, data=data, per_task=per_task))
    return {name: value for name, value in values.items() if name not in FREE}


def places(value, before=()):
    """The path of every value in a tree of JSON."""
    yield before
    children = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        children = enumerate(value)
    for name, each in children:
        yield from places(each, (*before, name))


def put(tree, path, value):
    """`tree` with `value` at `path`, or without what is there where `value` is `...`."""
    *parents, last = path
    for name in parents:
        tree = tree[name]
    if value is ...:
        del tree[last]
    else:
        tree[last] = value


def read(data):
    """The record, or None where it is refused as it should be."""
    try:
        return decode(data, "some.json")
    except RegistryError as error:
        told = str(error)
    assert told.startswith("some.json: ")
    assert "\n" not in told
    return None


@FUZZ
@given(data=st.data())
def test_a_value_that_was_changed(record, data):
    tree = json.loads(encode(record))
    path = data.draw(st.sampled_from([path for path in places(tree) if path]))
    put(tree, path, data.draw(JSON | st.just(...)))
    found = read(json.dumps(tree).encode())
    if found is not None:
        assert bound(found) == bound(record)


@FUZZ
@given(name=st.text(max_size=8), value=JSON)
@example(name="accuracy", value=0.9)
def test_a_field_that_was_added(record, name, value):
    tree = json.loads(encode(record))
    if name not in tree:
        assert read(json.dumps({**tree, name: value}).encode()) is None


@FUZZ
@given(data=st.data())
def test_bytes_that_were_changed(record, data):
    content = bytearray(encode(record))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    found = read(bytes(content))
    if found is not None:
        assert bound(found) == bound(record)


@FUZZ
@given(data=st.data())
def test_a_file_that_was_cut(record, data):
    content = encode(record)
    # Without its last newline it says the same.
    length = data.draw(st.integers(0, len(content) - 2))
    assert read(content[:length]) is None


@FUZZ
@given(content=st.binary(max_size=200))
@example(content=b"\xff\xfe{}")
@example(content=b"[" * 100_000)
def test_any_bytes(content):
    assert read(content) is None
