"""Decoded data sets that are sent to another cache."""

import numpy as np
import pytest

from suite.data import sent
from suite.data.glyphs import load_glyphs
from suite.data.images import load_image_data
from suite.data.stored import entries
from suite.errors import DataError


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Go to the cache of that name."""

    def use(name: str) -> None:
        monkeypatch.setenv("SUITE_CACHE", str(tmp_path / name))

    return use


def test_a_data_set_is_found_by_its_fingerprint_in_another_cache(caches, monkeypatch):
    caches("here")
    own = load_glyphs(n_classes=30)
    assert sent.holds("glyphs", own.fingerprint)
    package = sent.sent_data("glyphs", own.fingerprint)
    caches("there")
    assert not sent.holds("glyphs", own.fingerprint)
    for name, value in sent.asking({"glyphs": own.fingerprint}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match="has no whole glyphs of the fingerprint"):
        load_image_data("glyphs", root=None)
    sent.take(package)
    found = load_image_data("glyphs", root=None)
    assert (found.fingerprint, found.classes, found.warnings) == (
        *(own.fingerprint, own.classes, own.warnings),
    )
    assert np.array_equal(found.images, own.images)
    (entry,) = entries()
    assert (entry.name, entry.current) == ("glyphs", True)


def test_a_data_set_that_was_damaged_on_the_way_is_not_taken(caches):
    caches("here")
    own = load_glyphs(n_classes=30)
    package = sent.sent_data("glyphs", own.fingerprint)
    images = package.images.copy()
    images[3, 0, 0, 5, 5] ^= 255
    caches("there")
    with pytest.raises(DataError, match="has no whole glyphs of the fingerprint"):
        sent.take(sent.SentData(name="glyphs", about=package.about, images=images))


def test_a_data_set_that_is_not_here_cannot_be_sent(caches):
    caches("here")
    with pytest.raises(DataError, match="has no whole omniglot of the fingerprint 000000000000"):
        sent.sent_data("omniglot", "00" * 32)


def test_mini_imagenet_has_its_own_split_wherever_it_comes_from():
    from suite.data.miniimagenet.split import RAVI_LAROCHELLE, fixed_split
    from suite.names import named
    from suite.settings import DATA_SETS

    split = DATA_SETS["miniimagenet"].fixed_split
    assert named(split)().sha256 == fixed_split(RAVI_LAROCHELLE).sha256
    assert [name for name, each in DATA_SETS.items() if each.fixed_split] == ["miniimagenet"]
