"""The stand-in is shaped like Omniglot, and its classes can be told apart."""

import numpy as np
import pytest

from suite.data.glyphs import _alike, draw_glyphs
from suite.data.images import ImageData, load_image_data, seeded_split
from suite.data.manifest import find_duplicates, image_lines
from suite.errors import DataError
from suite.settings import DATA_SETS

SPLIT = DATA_SETS["glyphs"].classes


@pytest.fixture(scope="module")
def glyphs() -> ImageData:
    return load_image_data("glyphs", root=None)


def test_they_are_shaped_like_omniglot(glyphs: ImageData) -> None:
    assert glyphs.images.shape == (1623, 20, 1, 28, 28)
    assert glyphs.images.dtype == np.uint8
    assert np.unique(glyphs.images).tolist() == [0, 255]
    assert list(glyphs.classes) == sorted(set(glyphs.classes))
    assert glyphs.warnings == ()
    split = seeded_split(glyphs, counts=SPLIT, seed=0)
    assert len(split.test) == SPLIT[2]


def test_no_image_is_blank_or_black(glyphs: ImageData) -> None:
    ink = (glyphs.images > 0).mean(axis=(2, 3, 4))
    assert ink.min() > 0.01
    assert ink.max() < 0.5


def test_no_image_stands_in_two_classes_and_drawings_vary(glyphs: ImageData) -> None:
    files = [[str(index) for index in range(20)]] * len(glyphs.classes)
    groups = find_duplicates(image_lines(glyphs.images, glyphs.classes, files))
    assert groups == []


def test_two_generations_are_equal() -> None:
    first, second = draw_glyphs(60), draw_glyphs(60)
    assert first.classes == second.classes
    np.testing.assert_array_equal(first.images, second.images)


def test_a_class_does_not_depend_on_how_many_there_are(glyphs: ImageData) -> None:
    few = draw_glyphs(60)
    rows = [glyphs.classes.index(name) for name in few.classes]
    np.testing.assert_array_equal(few.images, glyphs.images[rows])


def test_characters_that_look_alike_across_scripts_are_one_class(glyphs: ImageData) -> None:
    codepoints = {int(name.rsplit("+", 1)[1], 16) for name in glyphs.classes}
    assert len(codepoints & {ord("A"), ord("Α"), ord("А")}) == 1
    assert len({"DejaVuSans/U+003C", "DejaVuSans/U+003E"} & set(glyphs.classes)) == 1  # < and >


def test_alike_counts_rotations_and_near_misses() -> None:
    shapes = np.zeros((4, 28, 28), dtype=bool)
    shapes[0, 4:24, 10:12] = True
    shapes[1, 4:24, 11:13] = True  # one pixel to the right
    shapes[2, 10:12, 4:24] = True  # turned by 90 degrees
    shapes[3, 4:24, 20:22] = True  # elsewhere
    assert _alike(shapes[:1], shapes).tolist() == [[True, True, True, False]]


def test_too_few_shapes_are_told() -> None:
    with pytest.raises(DataError, match=r"distinct glyphs, 100000 are needed: install"):
        draw_glyphs(100_000)


def test_nearest_neighbours_tell_them_apart(glyphs: ImageData) -> None:
    """One drawing a class is enough to recognise most others: the set can be learned from."""
    chosen = np.random.default_rng(0).choice(len(glyphs.classes), 100, replace=False)
    pixels = glyphs.images[np.sort(chosen)].reshape(100, 20, -1).astype(np.float32)
    support, query = pixels[:, 0], pixels[:, 1:].reshape(1900, -1)
    distance = ((query**2).sum(1)[:, None] - 2 * query @ support.T) + (support**2).sum(1)
    accuracy = (distance.argmin(axis=1) == np.repeat(np.arange(100), 19)).mean()
    assert 0.1 < accuracy < 0.9  # far above chance (0.01), and not trivial
