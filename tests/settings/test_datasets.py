"""The table of data sets: what it lists is there, and nothing else is."""

import hashlib
import re

import pytest

from suite import envs
from suite.names import named
from suite.settings import DATA_SETS, ENVIRONMENTS, SETTINGS
from suite.settings.datasets import IMAGE_SHAPE, titles


@pytest.mark.parametrize("name", DATA_SETS)
def test_what_an_entry_names_is_there(name):
    entry = DATA_SETS[name]
    assert (entry.loader is None) == (entry.shape is None)
    for path in (entry.loader, entry.at_hand):
        assert path is None or callable(named(path))


@pytest.mark.parametrize("name", DATA_SETS)
def test_what_is_downloaded_can_be_checked(name):
    entry = DATA_SETS[name]
    assert (entry.download is None) == (entry.at_hand is None)
    files = entry.download.files if entry.download else ()
    assert len({file.name for file in files}) == len(files)
    for file in files:
        algorithm, _, digest = file.checksum.partition(":")
        assert len(bytes.fromhex(digest)) == hashlib.new(algorithm).digest_size
        assert file.size > 0
        assert file.urls
        assert all(re.fullmatch(rf"https://\S+/{re.escape(file.name)}", url) for url in file.urls)


def test_every_setting_has_a_data_set_and_every_data_set_a_setting():
    assert {setting.config.dataset for setting in SETTINGS.values()} == set(DATA_SETS)
    assert set(ENVIRONMENTS) == set(envs.ENVIRONMENTS)
    assert not set(ENVIRONMENTS) & set(IMAGE_SHAPE)


def test_each_data_set_stands_in_one_part_of_the_report():
    listed = [name for names in titles().values() for name in names]
    assert sorted(listed) == sorted(DATA_SETS)
