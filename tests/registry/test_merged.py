"""A registry that was merged from several clones, by git or by hand."""

import json

import pytest

from suite.errors import RegistryError
from suite.registry import Registry
from suite.registry.merged import repeated_name


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "results")


def refused(registry) -> str:
    with pytest.raises(RegistryError) as caught:
        registry.load()
    assert str(caught.value).isprintable()
    return str(caught.value)


MERGED = {
    "a conflict in all of it": (
        lambda data: b"<<<<<<< HEAD\n" + data + b"=======\n" + data + b">>>>>>> theirs\n",
        "marks of a merge conflict; keep one side: git checkout --ours FILE, or --theirs",
    ),
    "a conflict in one field": (
        lambda data: data.replace(
            b'"seed":', b'\n<<<<<<< HEAD\n"seed": 1,\n=======\n"seed":', 1
        ).replace(b'"setting":', b'\n>>>>>>> theirs\n"setting":', 1),
        "marks of a merge conflict",
    ),
    "a byte order mark": (
        lambda data: b"\xef\xbb\xbf" + data,
        "byte order mark, so something has saved it anew; restore it: git checkout FILE",
    ),
    "UTF-16": (lambda data: data.decode().encode("utf-16"), "byte order mark"),
    "git LFS": (
        lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "git lfs pull",
    ),
    "a name that stands twice": (
        lambda data: data.replace(b'"seed":', b'"seed": 7, "seed":', 1),
        "it has 'seed' twice; restore it: git checkout FILE",
    ),
}


@pytest.mark.parametrize(("merge", "message"), MERGED.values(), ids=MERGED)
def test_what_a_merge_leaves_is_told_with_the_way_back(registry, make_record, merge, message):
    path = registry.write(make_record())
    data = path.read_bytes()
    path.write_bytes(merge(data))
    assert path.read_bytes() != data
    told = refused(registry)
    assert told.startswith(f"{path}: ")
    assert message in told


def test_line_ends_of_another_system_are_taken(registry, make_record):
    record = make_record()
    path = registry.write(record)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert registry.load() == [record]


def test_a_second_copy_may_be_deleted(registry, make_record):
    path = registry.write(make_record())
    copy = path.with_name(f"{path.stem} (1).json")
    copy.write_bytes(path.read_bytes())
    assert refused(registry) == f"{copy}: its contents stand at {path} already; delete it"


def test_another_result_of_one_run_is_kept_as_the_message_says(registry, make_record):
    """Moved to where it belongs, it would take the place of the record that stands there."""
    mine = make_record()
    path = registry.write(mine)
    for number in (1, 2):
        theirs = path.with_name(f"{path.stem}-attempt{number}.json")
        fields = json.loads(path.read_bytes())
        fields["provenance"]["git_commit"] = f"{number:040}"
        theirs.write_text(json.dumps(fields))
        told = refused(registry)
        assert f"{theirs}: its contents belong at {path}, where another result" in told
        assert told.endswith(f'set "attempt": {number} in it and name it {theirs.name}')
        fields["attempt"] = number
        theirs.write_text(json.dumps(fields))
        assert sorted(record.attempt for record in registry.load()) == list(range(number + 1))


@pytest.mark.parametrize("text", ['{"a": {"b": 1}, "b": [{"b": 1}, {"b": 2}]}', "[]", "1"])
def test_a_name_may_stand_once_in_every_object(text):
    assert repeated_name(text.encode()) is None


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"x": {"a": 1, "b": 2, "a": 3}}]'])
def test_no_name_may_stand_twice_in_one(text):
    assert repeated_name(text.encode()) == "it has 'a' twice; restore it: git checkout FILE"
