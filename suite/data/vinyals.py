"""Vinyals et al.'s split of Omniglot, in the order of its folders (2016, matching networks).

The lists are public: jakesnell/prototypical-networks, data/omniglot/splits/vinyals. The last 423
characters of `images_evaluation` are for test, five whole alphabets for validation, and all others
for training. No seed draws it.
"""

import numpy as np

from suite.data.images import ImageData, Split, split_sha256
from suite.errors import DataError

COUNTS = (1028, 172, 423)
_VALIDATION = (
    *("Armenian", "Bengali", "Early_Aramaic", "Hebrew"),
    "Mkhedruli_(Georgian)",
)
# The first characters of this alphabet are the last that are not for test.
_SHARED, _FIRST_FOR_TEST = "Gurmukhi", "character42"
_TEST = (
    *("Kannada", "Keble", "Malayalam", "Manipuri", "Mongolian", "Old_Church_Slavonic_(Cyrillic)"),
    *("Oriya", "Sylheti", "Syriac_(Serto)", "Tengwar", "Tibetan", "ULOG"),
)


def vinyals_split(images: ImageData) -> Split:
    """The split of Omniglot's classes, "ALPHABET/characterNN"; the same for every seed.

    Raises `DataError` where the classes are not those of the whole Omniglot.
    """
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for index, name in enumerate(images.classes):
        parts[_part(name)].append(index)
    counts = tuple(len(part) for part in parts)
    if counts != COUNTS:
        raise DataError(
            f"{images.name} cannot be split as Vinyals et al. did: its alphabets give {counts} "
            f"characters for training, validation and test, and theirs {COUNTS}"
        )
    train, validation, test = (np.array(part, dtype=np.int64) for part in parts)
    return Split(
        train=train,
        validation=validation,
        test=test,
        seed=None,
        sha256=split_sha256(images.classes, (train, validation, test)),
    )


def _part(name: str) -> int:
    """0 for training, 1 for validation, 2 for test."""
    alphabet, _, character = name.partition("/")
    if alphabet == _SHARED:
        return 2 if character >= _FIRST_FOR_TEST else 0
    if alphabet in _TEST:
        return 2
    return 1 if alphabet in _VALIDATION else 0
