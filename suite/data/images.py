"""Image data sets as one array: what they hold, how they are split, and who reads which."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from suite.errors import DataError
from suite.names import named
from suite.settings.datasets import DATA_SETS

T = TypeVar("T")


class Progress(Protocol):
    """Wraps a loop of `total` items to show how far it is; the command line passes one."""

    def __call__(self, items: Iterable[T], description: str, total: int) -> Iterable[T]:
        """Yield every item of `items`, in order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Which classes a method may train on, select on and be tested on."""

    train: npt.NDArray[np.int64]  # (class,) ascending indices into `ImageData.classes`
    validation: npt.NDArray[np.int64]  # (class,)
    test: npt.NDArray[np.int64]  # (class,)
    seed: int | None
    """None where the data set itself says which class belongs where."""
    sha256: str
    """The sha256 of the names of the classes of the three parts, the same on every machine."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """A decoded image data set; every class has equally many images."""

    name: str
    images: npt.NDArray[np.uint8]  # (class, image, channel, height, width), ink is 255; read-only
    classes: tuple[str, ...]
    """Names, one a row of `images`: sorted, in a fixed split part by part."""
    fingerprint: str
    """sha256 over the manifest: every image's name, shape and pixels."""
    warnings: tuple[str, ...]
    """What a user of this copy should know, one line each."""
    fixed_split: Split | None = None
    """The data set's own split; None where the split is drawn with a seed."""


def seeded_split(data: ImageData, *, counts: tuple[int, int, int], seed: int) -> Split:
    """Deal the classes at random into (train, validation, test) of the sizes `counts`.

    The permutation is `numpy.random.default_rng(seed).permutation`. The authors' own split of
    Omniglot follows the order of their file system and cannot be recovered.
    Raises `DataError` unless the counts add up to the number of classes.
    """
    total = len(data.classes)
    if min(counts) < 0 or sum(counts) != total:
        wanted = " + ".join(str(count) for count in counts)
        raise DataError(
            f"cannot split {data.name}: {wanted} = {sum(counts)} classes asked for, "
            f"{total} there; pass counts of zero or more that add up to {total}"
        )
    order = np.random.default_rng(seed).permutation(total).astype(np.int64)
    parts = [np.sort(part) for part in np.split(order, np.cumsum(counts)[:-1])]
    return Split(
        train=parts[0],
        validation=parts[1],
        test=parts[2],
        seed=seed,
        sha256=split_sha256(data.classes, parts),
    )


def split_sha256(classes: tuple[str, ...], parts: Iterable[npt.NDArray[np.int64]]) -> str:
    """Identify a split by the class names of its parts (train, validation, test), in that order."""
    names = [[classes[index] for index in part] for part in parts]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def load_image_data(
    name: str, *, root: Path | str | None, progress: Progress | None = None
) -> ImageData:
    """Load the data set `name`, decoding it where the cache does not hold it yet.

    `root` is where the user keeps data sets (`--data DIR`); None means `SUITE_DATA`, else a copy in
    the cache. Where the environment asks for a fingerprint (`suite.data.sent`) that entry of the
    cache is taken. Raises `DataError` when the name is unknown or the data is missing or damaged.
    """
    # Here, since it is made of what stands above.
    from suite.data.sent import asked_for, from_cache

    if fingerprint := asked_for().get(name):
        return from_cache(name, fingerprint)
    loader = DATA_SETS[name].loader if name in DATA_SETS else None
    if loader is None:
        known = ", ".join(each for each, entry in DATA_SETS.items() if entry.loader)
        raise DataError(f"no data set is called {name!r}; choose one of {known}")
    load: Callable[..., ImageData] = named(loader)
    return load(None if root is None else Path(root), progress=progress)
