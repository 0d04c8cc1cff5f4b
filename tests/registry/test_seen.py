"""Loading is incremental: what was found good and is the same file still is not checked again."""

import json
import os

import pytest

from suite.errors import RegistryError
from suite.registry import Registry, seen, store


@pytest.fixture
def registry(tmp_path, make_record, monkeypatch):
    """Three records, in a cache of their own, on a disk whose clock has no ticks."""
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(seen, "_TICK", -1)
    registry = Registry(tmp_path / "results")
    for seed in range(3):
        registry.write(make_record(seed=seed))
    return registry


@pytest.fixture
def checked(monkeypatch):
    """The seeds of the records that were checked."""
    found = []
    check = store._edited

    def counted(record):
        found.append(record.seed)
        return check(record)

    monkeypatch.setattr(store, "_edited", counted)
    return found


def test_only_new_records_are_checked(registry, make_record, checked):
    first = registry.load()
    assert checked == [0, 1, 2]
    assert registry.load() == first
    assert checked == [0, 1, 2]
    registry.write(make_record(seed=3))
    assert len(registry.load()) == 4
    assert checked == [0, 1, 2, 3]


def test_an_edit_is_found_though_size_and_date_are_as_before(registry):
    path = registry.paths()[1]
    registry.load()
    before = path.stat()
    text = path.read_text()
    path.write_text(text.replace('"mean":0.7', '"mean":0.8'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    with pytest.raises(RegistryError, match=r"accuracy\.mean"):
        registry.load()
    path.write_text(text)
    assert len(registry.load()) == 3


def test_a_bad_record_is_found_every_time(registry):
    path = registry.paths()[0]
    fields = json.loads(path.read_text())
    fields["seed"] = 7
    path.write_text(json.dumps(fields))
    for _ in range(2):
        with pytest.raises(RegistryError, match="edited by hand"):
            registry.load()


def test_a_file_changed_within_a_tick_is_checked_again(registry, checked, monkeypatch):
    monkeypatch.setattr(seen, "_TICK", 3_600_000_000_000)
    registry.load()
    registry.load()
    assert checked == [0, 1, 2, 0, 1, 2]


def test_other_code_checks_again(registry, checked, monkeypatch):
    registry.load()
    monkeypatch.setattr(seen, "_code", lambda: "other")
    registry.load()
    assert checked == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"{", b'{"code": 1}', b"\xff", b"[" * 100_000])
def test_an_index_that_is_damaged_is_made_anew(registry, checked, tmp_path, content):
    registry.load()
    (index,) = (tmp_path / "cache" / "registry").iterdir()
    index.write_bytes(content)
    assert len(registry.load()) == 3
    registry.load()
    assert checked == [0, 1, 2, 0, 1, 2]


def test_without_a_cache_every_record_is_checked(registry, checked, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "file" / "cache"))
    registry.load()
    assert len(registry.load()) == 3
    assert checked == [0, 1, 2, 0, 1, 2]
