"""mini-ImageNet (Vinyals et al. 2016) with Ravi and Larochelle's split: 100 classes of 600 images.

There is no official copy, and those that people have differ in their pixels; the fingerprint says
which one it is. Where none is at hand a public one is fetched; where that fails, an error says how
to get one.
"""

from pathlib import Path

from suite.data.cache import Source, cached
from suite.data.download import fetch
from suite.data.images import ImageData, Progress
from suite.data.miniimagenet.copies import PICKLE, Copy, find_copy, hint
from suite.data.miniimagenet.decode import content_of_copy, decode_copy
from suite.data.miniimagenet.split import RAVI_LAROCHELLE, Expected, fixed_split
from suite.errors import DataError
from suite.files import cache_dir, configured, expanded
from suite.settings import DATA_SETS
from suite.settings.downloads import MINI_IMAGENET

DECODER = "1"  # raise it when the same files give other pixels
CSV_FILES = "https://github.com/cbfinn/maml/tree/master/data/miniImagenet"
HOW_TO = f"""\
Put one of these into DIR or DIR/mini-imagenet, then pass --data DIR or set SUITE_DATA=DIR
  {PICKLE.format("{train,validation,test}")} from {MINI_IMAGENET.page}
  images/*.jpg of any copy with train.csv, val.csv, test.csv from {CSV_FILES}
  ILSVRC-2012's train images (https://image-net.org), a folder or tar a class, with these csv files
  any copy with a folder a class in train/, val/ and test/
mini-ImageNet is {DATA_SETS["miniimagenet"].terms}"""


def load_miniimagenet(
    root: Path | None, *, expected: Expected = RAVI_LAROCHELLE, progress: Progress | None = None
) -> ImageData:
    """Load mini-ImageNet from `root`, `SUITE_DATA`, the cache or the network: the first given.

    Images are RGB, (class, 600, 3, 84, 84); classes are sorted within train, validation and test,
    images by file name. Raises `DataError`, naming class and count, or file, where the copy is not
    complete and sound; where there is none, that error has some lines on how to get one.
    """
    copy = _copy(root, expected, progress)
    source = Source(
        stamp=f"{copy.form} {copy.stamp}",
        content=lambda: content_of_copy(copy),
        settings=f"{DECODER}\n{expected.n_images} {expected.classes}",
    )
    return cached(
        "miniimagenet",
        source=source,
        build=lambda: decode_copy(copy, expected, progress),
        split=fixed_split(expected),
    )


def at_hand() -> str | None:
    """Where the copy lies that would be used without a download; None where there is none."""
    copy = find_copy(_place(None), RAVI_LAROCHELLE)
    return None if copy is None else f"{copy.place} ({copy.form})"


def _copy(root: Path | None, expected: Expected, progress: Progress | None) -> Copy:
    place = _place(root)
    found = find_copy(place, expected)
    if found is None and place == _downloads():
        _download(progress)
        found = find_copy(place, expected)
    if found is None:
        raise DataError(f"no mini-ImageNet in {place}{hint(place)}\n{HOW_TO}")
    return found


def _place(root: Path | None) -> Path:
    root = root or configured("SUITE_DATA")
    return _downloads() if root is None else expanded(root)


def _downloads() -> Path:
    return cache_dir() / "miniimagenet"


def _download(progress: Progress | None) -> None:
    try:
        fetch("miniimagenet", progress=progress)
    except DataError as error:
        raise DataError(f"no mini-ImageNet at hand, and {error}\n{HOW_TO}") from error
