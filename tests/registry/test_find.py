"""Which record a name means."""

import pytest
from msgspec import structs

from suite.errors import UsageError
from suite.registry import Registry
from suite.registry.find import find_record


@pytest.fixture
def registry(make_record, tmp_path):
    registry = Registry(tmp_path)
    for seed in (1, 2):
        registry.write(make_record(seed=seed))
    return registry


def test_by_file_key_or_place(registry):
    first, second = registry.records()
    assert find_record(registry, str(registry.path(second))) == second
    assert find_record(registry, second.key) == second
    assert find_record(registry, second.key[:8]) == second
    assert find_record(registry, f"{first.setting}/{first.method}/1") == first


def test_the_attempt_that_counts(registry):
    first, _ = registry.records()
    registry.write(first)
    assert len(registry.paths()) == 3
    assert find_record(registry, first.key).attempt == 0


@pytest.mark.parametrize(
    "wanted", ["zzzz", "", "glyphs-5way-1shot/maml/9", "glyphs-5way-1shot/fomaml/1", "no/such.json"]
)
def test_nothing_of_that_name(registry, wanted):
    with pytest.raises(UsageError, match="suite list"):
        find_record(registry, wanted)


def test_several_of_that_name_are_listed(registry, make_record):
    first, _ = registry.records()
    other = make_record(seed=1, protocol=structs.replace(first.protocol, n_query=7))
    registry.write(other)
    with pytest.raises(UsageError, match="give more of the key") as told:
        find_record(registry, f"{first.setting}/{first.method}/1")
    assert first.key in str(told.value)
    assert other.key in str(told.value)
