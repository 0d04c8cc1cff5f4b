"""The copies of mini-ImageNet that are three pickles, mini-imagenet-cache-{train,val,test}.pkl.

Each is a dict: `image_data`, uint8 (n, 84, 84, 3), and `class_dict`, class -> places in it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from suite.data.decoding import SIZE
from suite.data.mini_split import Expected, check
from suite.data.unpickling import load_arrays
from suite.errors import DataError


def pickle_rows(paths: Mapping[str, Path], expected: Expected) -> Iterator[npt.NDArray[np.uint8]]:
    """(image, channel, height, width) of each class in turn; one file is in memory at a time.

    Images stand in the order of their places. Raises `DataError` where a file is not as above.
    """
    for part, path in paths.items():
        pixels, places = _read(path)
        check(path, {part: {name: len(row) for name, row in places.items()}}, expected)
        for name in expected.parts[part]:
            yield np.ascontiguousarray(pixels[places[name]].transpose(0, 3, 1, 2))
        del pixels


def _read(path: Path) -> tuple[npt.NDArray[np.uint8], dict[str, npt.NDArray[np.int64]]]:
    """(n, 84, 84, 3), and each class's ascending places in it."""
    content = load_arrays(path)
    try:
        held = {_text(key): value for key, value in content.items()}
        pixels = held["image_data"]
        places = {
            _text(name): np.sort(np.asarray(row).astype(np.int64, casting="same_kind"))
            for name, row in sorted(held["class_dict"].items(), key=lambda item: _text(item[0]))
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} does not hold image_data and class_dict ({type(error).__name__}: {error}): "
            "use a mini-imagenet-cache pickle"
        ) from error
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or _odd(pixels.shape):
        shape = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else "no array"
        raise DataError(f"{path}: image_data is {shape}, not uint8 (n, 84, 84, 3)")
    used = np.sort(np.concatenate([np.empty(0, np.int64), *places.values()]))
    if not np.array_equal(used, np.arange(len(pixels))):
        raise DataError(
            f"{path}: class_dict does not name each of the {len(pixels)} images exactly once"
        )
    return pixels, places


def _odd(shape: tuple[int, ...]) -> bool:
    return len(shape) != 4 or shape[1:] != (*SIZE, 3)


def _text(key: Any) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)
