"""Find a copy of mini-ImageNet on disk, in any of the forms in which people have it."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from suite.data.layouts import elsewhere, folders_in, looks_like, unopened
from suite.data.miniimagenet import files as mini_files
from suite.data.miniimagenet.files import Listing, refuse_part_of_three, three
from suite.data.miniimagenet.split import Expected, check
from suite.errors import DataError

FOLDERS = ("mini-imagenet",)  # in any case, with hyphens, underscores or neither
ARCHIVED = ("imagenet", "ilsvrc", "images.", "train", "val", "test")  # in the names of archives
_LEVELS = 2  # that such folders may lie in one another
ILSVRC_FOLDERS = (".", "images", "train", "ILSVRC2012_img_train")
CSV = "{}.csv"
PICKLE = "mini-imagenet-cache-{}.pkl"


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy that was found: where it lies, and how to read it."""

    place: Path
    form: str
    stamp: str
    """sha256 over names, sizes and times: another stamp means that it must be read again."""
    listing: Callable[[], Listing] | None = None
    """Where each image lies, checked against what is expected; None for pickles."""
    pickles: Mapping[str, Path] = field(default_factory=dict)


def find_copy(root: Path, expected: Expected) -> Copy | None:
    """The copy in `root`, or in a folder of it that is named after the data set; None without one.

    Raises `DataError` where there is one that is not complete, or that may not be read.
    """
    places, level = [root], [root]
    try:
        for _ in range(_LEVELS):
            inside = (folder for place in level for folder in folders_in(place))
            level = list(filter(looks_like(FOLDERS), inside))
            places += level
        return next(filter(None, (_copy_in(place, expected) for place in places)), None)
    except OSError as error:
        raise DataError(f"cannot look for mini-ImageNet in {root}: {error}") from error


def hint(root: Path) -> str:
    """Where a copy seems to lie instead, or which archives are unopened; empty without a hint."""
    places = (root, *filter(looks_like(FOLDERS), folders_in(root)))
    return elsewhere(root, _has_parts) or unopened(ARCHIVED, *places)


def _has_parts(place: Path) -> bool:
    if any(len(three(place, pattern)) == 3 for pattern in (CSV, PICKLE)):
        return True
    folders = three(place, "{}")
    return len(folders) == 3 and all(mini_files.class_folders(path) for path in folders.values())


def _copy_in(place: Path, expected: Expected) -> Copy | None:
    csvs, pickles = three(place, CSV), three(place, PICKLE)
    folders = {p: path for p, path in three(place, "{}").items() if mini_files.class_folders(path)}
    if len(pickles) == 3:
        stamp = _stamp(mini_files.path_stamps(pickles.values()))
        return Copy(place=place, form="three pickles", stamp=stamp, pickles=pickles)
    if len(folders) == 3:
        listed = mini_files.folder_listing(folders)
        return _checked(place, "a folder a class", *listed, expected)
    classes = next(filter(None, (mini_files.ilsvrc_classes(place / f) for f in ILSVRC_FOLDERS)), {})
    if len(csvs) == 3 and classes:
        return _ilsvrc(place, csvs, classes, expected)
    if len(csvs) == 3 and (place / "images").is_dir():
        listed = mini_files.flat_listing(place / "images", csvs)
        return _checked(place, "images/ and csv files", *listed, expected)
    for found, pattern in ((csvs, CSV), (pickles, PICKLE), (folders, "{}/CLASS/")):
        refuse_part_of_three(place, found, pattern)
    if csvs:
        raise DataError(
            f"{place} has train.csv, val.csv and test.csv, and no images/ beside them"
            f"{unopened(ARCHIVED, place)}"
        )
    if classes:
        raise DataError(f"{place} has classes of ImageNet, and no train.csv, val.csv and test.csv")
    return None


def _checked(
    place: Path, form: str, listing: Listing, stamps: Iterable[str], expected: Expected
) -> Copy:
    _check(place, listing, expected)
    return Copy(place=place, form=form, stamp=_stamp(stamps), listing=lambda: listing)


def _ilsvrc(
    place: Path, csvs: Mapping[str, Path], classes: Mapping[str, Path], expected: Expected
) -> Copy:
    def listing() -> Listing:
        found = mini_files.ilsvrc_listing(csvs, classes)
        _check(place, found, expected)
        return found

    used = [classes[name] for name in expected.classes if name in classes]
    return Copy(
        place=place,
        form="ILSVRC-2012's train set and csv files",
        stamp=_stamp(mini_files.path_stamps((*csvs.values(), *used))),
        listing=listing,  # not read yet: the names in 100 tars take seconds
    )


def _check(place: Path, listing: Listing, expected: Expected) -> None:
    counts = {
        part: {name: len(pictures) for name, pictures in classes.items()}
        for part, classes in listing.items()
    }
    check(place, counts, expected)


def _stamp(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
