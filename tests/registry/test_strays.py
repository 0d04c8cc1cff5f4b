"""Files that lie in a registry and are no record of it: refused by name, or ignored."""

import shutil

import pytest

from suite.errors import RegistryError, UsageError
from suite.registry import Registry
from suite.registry.find import find_record

RECORD = "glyphs-5way-1shot/maml/seed-3-{key}.json"
REFUSED = [
    *("a/b/seed-0.json", "a/b/seed-.json", "a/b/seed-0-.json", "a/b/seed-x-y-z.json"),
    *("a/b/SEED-0-0123456789ab.JSON", "a/b/copy.json", "seed-0-0123456789ab.json"),
    *("a/seed-0-0123456789ab.json", "a/b/c/seed-0-0123456789ab.json"),
    *("glyphs-5way-1shot/maml/seed-3.json", "glyphs-5way-1shot/maml/seed-3-{key}-attempt1.json"),
    *("glyphs-5way-1shot/maml/seed-3-{key} (1).json", f"results/{RECORD}"),
    *(f"of a clone/results/{RECORD}", "GLYPHS-5WAY-1SHOT/maml/seed-3-{key}.json"),
    "glyphs-5way-1shot/MAML/seed-3-{key}.json",
]
IGNORED = [
    *("notes.json", "references.json", "a/notes.json", "a/b/notes.txt", "a/b/seed-0.json.orig"),
    *("a/b/.seed-0-0123456789ab.json.swp", ".git/a/seed-0-0123456789ab.json", "a/b/seed-0.json~"),
    *("glyphs-5way-1shot/maml/seed-3-{key}_BACKUP_12.txt", "a/b/c/notes.json"),
]
CONTENTS = {"nothing": b"", "another record": None, "a list": b"[]", "text": b"\xff\xfe"}


@pytest.fixture
def registry(make_record, tmp_path) -> Registry:
    registry = Registry(tmp_path / "results")
    registry.write(make_record())
    return registry


def strayed(registry: Registry, name: str, content: bytes | None) -> str:
    """Put `content`, or a copy of the record, at `name`; the path as text."""
    (record,) = registry.paths()
    path = registry.root / name.format(key=record.stem.split("-")[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(record.read_bytes() if content is None else content)
    return str(path)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_seems_to_be_a_record_is_refused_by_name(registry, name, content):
    (good,) = registry.records()
    path = strayed(registry, name, content)
    with pytest.raises(RegistryError) as told:
        registry.load()
    assert str(told.value).startswith(f"{path}: ")
    assert "\n" not in str(told.value)
    assert Registry(registry.root, lenient=True).load() == [good]


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", [*REFUSED, *IGNORED])
def test_a_record_is_found_beside_anything(registry, name, content):
    (good,) = registry.records()
    path = strayed(registry, name, content)
    beside = "seed-3-" in path
    for wanted in (good.key, good.key[:5], f"{good.setting}/{good.method}/3"):
        try:
            found = find_record(registry, wanted)
        except (RegistryError, UsageError) as told:
            # What lies among the attempts of the run that is wanted counts.
            assert beside
            assert path.removeprefix(f"{registry.root}/") in str(told)  # noqa: PT017
        else:
            assert found == good
    with pytest.raises((RegistryError, UsageError)):
        find_record(registry, "a/b/0")


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", IGNORED)
def test_other_files_are_ignored(registry, name, content):
    (good,) = registry.records()
    strayed(registry, name, content)
    assert registry.load() == [good]


def test_links_in_a_circle_end(registry):
    (good,) = registry.records()
    (registry.root / good.setting / good.method / "up").symlink_to(registry.root)
    assert registry.load() == [good]
    (registry.root / good.setting / "again").symlink_to(registry.root)
    with pytest.raises(RegistryError, match="rename it to"):
        registry.load()


def test_a_registry_may_be_made_of_links_to_folders(registry, tmp_path):
    (good,) = registry.records()
    shutil.move(registry.root / good.setting, tmp_path / "elsewhere")
    (registry.root / good.setting).symlink_to(tmp_path / "elsewhere")
    assert registry.load() == [good]
