"""Mini-batches for pretraining: every image is traced back to a class that may be trained on."""

import numpy as np
import pytest
import torch
from test_episodes import IMAGES, catalogue, equal, origins, random_images

from suite.data.images import ImageData
from suite.data.labelled import LabelledStream
from suite.data.source import task_source
from suite.errors import UsageError
from suite.rng import stream_key
from suite.settings import get_setting

CLASSES = (2, 3, 5, 7, 11)


def stream(*, seeds=(0,), size=12, rotations=True, classes=CLASSES, **others):
    return LabelledStream(
        keys=tuple(stream_key(seed, "labelled") for seed in seeds),
        images=torch.from_numpy(IMAGES),
        classes=torch.tensor([list(classes)] * len(seeds)),
        size=size,
        rotations=rotations,
        **others,
    )


def test_a_label_is_the_place_among_the_training_classes():
    batch = stream().batch(0, 50, 1, 1)
    found = origins(batch.support_x)
    assert batch.support_x.shape == (50, 12, 1, 4, 4)
    assert torch.equal(torch.tensor(CLASSES)[batch.support_y], torch.from_numpy(found[..., 0]))
    assert batch.query_x is batch.support_x
    assert set(batch.support_y.unique().tolist()) == set(range(len(CLASSES)))
    assert set(np.unique(found[..., 2])) == {0, 1, 2, 3}
    assert not origins(stream(rotations=False).batch(0, 9, 1, 1).support_x)[..., 2].any()


def test_a_mini_batch_has_at_most_five_images_of_a_class_and_none_twice():
    for task in origins(stream(size=25).batch(3, 20, 1, 1).support_x):
        classes, counts = np.unique(task[:, 0], return_counts=True)
        assert (tuple(classes), set(counts)) == (CLASSES, {5})
        assert len({tuple(row[:2]) for row in task}) == 25
    drawn = origins(stream(size=25).batch(0, 100, 1, 1).support_x)
    assert len({tuple(row[:2]) for task in drawn for row in task}) == 5 * IMAGES.shape[1]


def test_a_mini_batch_is_a_function_of_seed_and_position():
    at_once = stream(seeds=(0, 4)).batch(0, 6, 1, 1)
    for place, seed in enumerate((0, 4)):
        for start in (5, 2):
            alone = stream(seeds=(seed,)).batch(torch.tensor(start), 1, 5, 15)
            here = at_once.changed(lambda v, at=place * 6 + start: v[at : at + 1])
            assert equal(alone, here)
    assert not torch.equal(at_once.support_x[:6], at_once.support_x[6:])


def test_more_images_than_there_are_is_a_mistake():
    with pytest.raises(UsageError, match="wants 26 of 25"):
        stream(size=26)


def test_validation_and_test_classes_never_get_into_pretraining():
    images = random_images(1623, 1)
    data = ImageData(
        name="glyphs",
        images=images,
        classes=tuple(f"class{number:04}" for number in range(1623)),
        fingerprint="0",
        warnings=(),
    )
    config = get_setting("glyphs-5way-1shot").recipe("pretraining").config
    source = task_source(config, (0, 1), torch.device("cpu"), data)
    assert source.train_classes == 1100
    found = origins(source.streams("labelled").batch(0, 300, 1, 1).support_x, catalogue(images))
    for split, tasks in zip(source.splits, (found[:300], found[300:]), strict=True):
        seen = set(tasks[..., 0].flatten().tolist())
        assert seen == set(split.train.tolist())
        assert not seen & {*split.validation.tolist(), *split.test.tolist()}


def test_each_turn_of_a_class_can_have_a_label():
    batch = stream(size=40, rotations=False, rotated_classes=True).batch(0, 50, 1, 1)
    found = origins(batch.support_x)
    labels = torch.from_numpy(4 * np.searchsorted(CLASSES, found[..., 0]) + found[..., 2])
    assert torch.equal(batch.support_y, labels)
    assert set(labels.unique().tolist()) == set(range(20))
