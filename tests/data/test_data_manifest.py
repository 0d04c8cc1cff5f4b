"""Fingerprints depend on the pixels and names alone; duplicates are told by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.data.manifest import (
    blank_warnings,
    duplicate_warnings,
    find_duplicates,
    fingerprint,
    image_digest,
    image_lines,
    image_warnings,
)


def _images(n_classes: int = 3, n_images: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(1, 256, size=(n_classes, n_images, 1, 4, 4), dtype=np.uint8)


def test_fingerprint_of_known_pixels_stays() -> None:
    lines = image_lines(np.zeros((1, 1, 1, 2, 2), dtype=np.uint8), ["a"], [["x.png"]])
    assert fingerprint(lines) == "f032adeb7d7bbdfa39b77743ef9e078b44bee1321afcd4a5550698fc1f9c3f38"


@given(st.permutations(range(3)), st.permutations(range(2)))
def test_fingerprint_does_not_depend_on_order(classes: list[int], images: list[int]) -> None:
    pixels = _images()
    expected = fingerprint(image_lines(pixels, "abc", ["xy"] * 3))
    shuffled = pixels[classes][:, images]
    names = ["abc"[index] for index in classes]
    files = ["".join("xy"[index] for index in images)] * 3
    lines = image_lines(shuffled, names, files)
    assert fingerprint(lines) == expected
    assert fingerprint(reversed(lines)) == expected


def test_fingerprint_sees_one_pixel_and_one_name() -> None:
    pixels = _images()
    expected = fingerprint(image_lines(pixels, "abc", ["xy"] * 3))
    assert fingerprint(image_lines(pixels, "abd", ["xy"] * 3)) != expected
    pixels[1, 1, 0, 3, 3] ^= 1
    assert fingerprint(image_lines(pixels, "abc", ["xy"] * 3)) != expected


def test_digest_sees_the_shape() -> None:
    pixels = np.zeros(16, dtype=np.uint8)
    assert image_digest(pixels.reshape(1, 4, 4)) != image_digest(pixels.reshape(1, 2, 8))


def test_lines_need_a_name_for_every_image() -> None:
    with pytest.raises(ValueError, match="zip"):
        image_lines(_images(), "ab", ["xy"] * 2)


def test_duplicates_are_found_across_and_within_classes() -> None:
    pixels = _images()
    pixels[1, 0] = pixels[0, 1]
    pixels[2, 1] = pixels[2, 0]
    groups = find_duplicates(image_lines(pixels, "abc", ["xy"] * 3))
    assert groups == [("a/y", "b/x"), ("c/x", "c/y")]
    assert duplicate_warnings(groups, what="here") == (
        "identical images here, across classes: a/y = b/x",
        "identical images here, groups within one class: 1",
    )


def test_only_five_groups_across_classes_are_shown() -> None:
    groups = [(f"a/{index}", f"b/{index}") for index in range(7)]
    lines = duplicate_warnings(groups, what="here")
    assert len(lines) == 6
    assert lines[4] == "identical images here, across classes: a/4 = b/4"
    assert lines[5] == "identical images here, across classes: 2 more groups"


def test_a_duplicate_of_the_original_files_is_told_once() -> None:
    raw = ["a/x 1", "b/x 1", "c/x 3", "d/x 4"]
    shrunk = ["a/x 7", "b/x 7", "c/x 8", "d/x 8"]
    assert image_warnings(shrunk, raw) == (
        "identical images in the original files, across classes: a/x = b/x",
        "identical images once shrunk, across classes: c/x = d/x",
    )


def test_blank_images_are_counted() -> None:
    pixels = _images()
    assert blank_warnings(pixels) == ()
    pixels[0, 1] = 0
    assert blank_warnings(pixels) == ("images without ink: 1",)
