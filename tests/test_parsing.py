"""Every file of JSON that the suite reads may hold anything: told in a line, or passed over."""

import ast
import io
from pathlib import Path

import pytest

import suite
from suite.data import stored
from suite.data.cache import data_dir
from suite.data.miniimagenet.pickles import _counts
from suite.errors import DataError, RegistryError
from suite.parsing import NotJson, parsed
from suite.registry.merged import repeated_name
from suite.registry.references import read_references
from suite.registry.seen import Seen
from suite.registry.store import Registry

FOREIGN = {
    "empty": b"",
    "cut off": b'{"shape": [1, 2',
    "not UTF-8": b'{"shape": "\xff", "options": "\xe9"}',
    "UTF-16": '{"schema": 1}'.encode("utf-16"),
    "a lone surrogate": b'{"total": "\\ud800"}',
    "a number": b"3",
    "a text": b'"shape"',
    "a list": b"[]",
    "of other types": b'{"shape": {}, "schema": [], "code": 1, "total": "a", "files": 0}',
    "nulls": b"\0" * 100,
    **{
        f"nested {depth} deep": b'{"options": ' + b"[" * depth + b"]" * depth + b"}"
        for depth in (900, 980, 1000, 2000, 100_000)
    },
}
# What reads JSON elsewhere: what the caller typed, what is part of the package or was just written.
ELSEWHERE = {
    "parsing.py",
    "cli/run.py",
    "settings/reinforcement.py",
    "registry/store.py",
    "run/resume.py",
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
def test_anything_else_is_one_error_in_one_line(data):
    with pytest.raises(NotJson) as told:
        parsed(data, dict[str, dict[str, int]])
    assert str(told.value).isprintable()


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
def test_a_record_and_references_are_refused_by_name(tmp_path, data):
    path = tmp_path / "s" / "m" / "seed-0-0123456789ab.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    for read in (Registry(tmp_path).read, read_references):
        with pytest.raises(RegistryError) as told:
            read(path)
        assert str(told.value).startswith(f"{path}: ")
        assert str(told.value).isprintable()


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
def test_what_is_kept_to_save_time_is_passed_over(tmp_path, monkeypatch, data):
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path))
    (tmp_path / "registry").mkdir()
    seen = Seen(tmp_path)
    assert seen._path is not None
    seen._path.write_bytes(data)
    assert Seen(tmp_path)._before == {}
    data_dir().mkdir()
    for name in ("glyphs-0.json", "glyphs-0.sources"):
        (data_dir() / name).write_bytes(data)
    assert [entry.current for entry in stored.entries()] == [False]


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
def test_what_a_reader_of_pickles_says_is_held_to_its_form(data):
    with pytest.raises(DataError, match=r"^a\.pkl ") as told:
        _counts(Path("a.pkl"), io.BytesIO(data.replace(b"\n", b"") + b"\n"))
    assert str(told.value).isprintable()


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
def test_whether_a_name_stands_twice_is_told_of_anything(data):
    assert (repeated_name(data) or "none").isprintable()


def test_what_is_nested_too_deep_to_look_for_names_is_told():
    """The reader for names stops sooner than that of records, so a record may come so far."""
    data = b'{"a": ' * 5000 + b"1" + b"}" * 5000
    assert repeated_name(data) == "it is nested too deep"


def test_json_is_decoded_in_one_place():
    """A reader beside it would have to know all the ways in which a decoder fails."""
    root = Path(suite.__file__).parent
    found = set()
    for path in [*root.rglob("*.py"), *(root.parent / "baselines").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("json.load", "json.loads", "msgspec.json.decode"):
                found.add(path.relative_to(root.parent).as_posix().removeprefix("suite/"))
    assert found <= ELSEWHERE
