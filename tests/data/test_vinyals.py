"""Vinyals' split, on the names of the real characters."""

from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from suite.data.images import ImageData
from suite.data.omniglot import load_omniglot
from suite.data.source import task_source
from suite.data.vinyals import COUNTS, vinyals_split
from suite.errors import DataError
from suite.settings import get_setting


def nameless(classes: tuple[str, ...]) -> ImageData:
    images = np.zeros((len(classes), 20, 1, 28, 28), dtype=np.uint8)
    return ImageData(name="omniglot", images=images, classes=classes, fingerprint="", warnings=())


@pytest.mark.data
def test_the_parts_are_those_of_the_public_lists(omniglot_root: Path):
    images = load_omniglot(omniglot_root)
    split = vinyals_split(images)
    named = [
        {images.classes[index].split("/")[0] for index in part}
        for part in (split.train, split.validation, split.test)
    ]
    assert (len(split.train), len(split.validation), len(split.test)) == COUNTS
    assert [len(alphabets) for alphabets in named] == [33, 5, 13]
    assert named[0] & named[2] == {"Gurmukhi"}
    background = {path.name for path in (omniglot_root / "omniglot/images_background").iterdir()}
    assert not named[2] & background
    assert named[1] < background
    every = np.concatenate((split.train, split.validation, split.test))
    assert sorted(every) == list(range(1623))
    assert split.seed is None


@pytest.mark.data
def test_every_seed_has_it_where_the_configuration_says_so(omniglot_root: Path):
    images = load_omniglot(omniglot_root)
    config = get_setting("omniglot-5way-1shot").config
    changed = {"split": "vinyals", "rotations": False, "rotated_classes": True}
    vinyals = replace(config, **changed)
    source = task_source(vinyals, (0, 1), torch.device("cpu"), images)
    own = task_source(config, (0, 1), torch.device("cpu"), images)
    assert len({split.sha256 for split in source.splits if split}) == 1
    assert len({split.sha256 for split in own.splits if split}) == 2
    assert (source.train_classes, own.train_classes) == (4 * COUNTS[0], 1100)


def test_other_classes_are_refused():
    with pytest.raises(DataError, match=r"\(1, 1, 1\)"):
        vinyals_split(nameless(("Greek/character01", "Hebrew/character01", "ULOG/character01")))
