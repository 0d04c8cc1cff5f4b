"""The copies of mini-ImageNet that are image files: where each image of each class lies.

- `images/*.jpg` and Ravi and Larochelle's train.csv, val.csv, test.csv;
- a folder a class in train/, val/ and test/;
- the classes of ILSVRC-2012's train set, as folders or as tars, and the three csv files.
"""

import csv
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from suite.data.decoding import Picture
from suite.errors import DataError

PARTS = ("train", "val", "test")
SUFFIXES = (".jpg", ".jpeg", ".png")
_ALIASES = {"val": ("val", "validation")}

Listing = dict[str, dict[str, list[Picture]]]
"""part -> class -> images, sorted by class and file"""
Rows = dict[str, dict[str, list[str]]]
"""part -> class -> file names, from the csv files"""


def three(directory: Path, pattern: str) -> dict[str, Path]:
    """The paths in `directory` named by `pattern` for train, val and test; those that are there."""
    return {
        part: directory / pattern.format(alias)
        for part in PARTS
        for alias in _ALIASES.get(part, (part,))
        if (directory / pattern.format(alias)).exists()
    }


def refuse_part_of_three(directory: Path, found: Iterable[str], pattern: str) -> None:
    """Raise `DataError` where one or two of three are there."""
    missing = [part for part in PARTS if part not in found]
    if 0 < len(missing) < len(PARTS):
        names = " and ".join(pattern.format(part) for part in missing)
        raise DataError(f"{directory}: mini-ImageNet is not whole, there is no {names}")


def read_csvs(paths: Mapping[str, Path]) -> Rows:
    """The three csv files. Raises `DataError` where one is none, or names a file twice."""
    rows: Rows = {}
    seen: set[str] = set()
    for part, path in paths.items():
        classes: dict[str, list[str]] = {}
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                for row in csv.DictReader(file):
                    name, label = row["filename"], row["label"]
                    if not name or not label:
                        raise ValueError(f"half a line after {len(seen)} files")
                    if name in seen:
                        raise DataError(f"{path} names {name} a second time")
                    seen.add(name)
                    classes.setdefault(label, []).append(name)
        except (OSError, ValueError, csv.Error, KeyError) as error:
            raise DataError(
                f"{path} is not a table of filename,label ({type(error).__name__}: {error})"
            ) from error
        rows[part] = {label: sorted(classes[label]) for label in sorted(classes)}
    return rows


def flat_listing(images: Path, csvs: dict[str, Path]) -> tuple[Listing, Iterator[str]]:
    """`images/*.jpg` and the csv files: the listing, and a stamp of each file.

    Raises `DataError` where a csv file names a file that is not there.
    """
    rows = read_csvs(csvs)
    stamps = {entry.name: _entry_stamp(entry) for entry in os.scandir(images)}
    names = {part: [n for row in classes.values() for n in row] for part, classes in rows.items()}
    for part, path in csvs.items():
        missing = [name for name in names[part] if name not in stamps]
        if missing:
            more = f" (nor are {len(missing) - 1} others)" if len(missing) > 1 else ""
            raise DataError(f"{path} names {missing[0]}, which is not in {images}{more}")
    listing = {
        part: {
            label: [Picture(name=f"{label}/{name}", path=images / name) for name in files]
            for label, files in classes.items()
        }
        for part, classes in rows.items()
    }
    return listing, (f"{name} {stamps[name]}" for part in PARTS for name in names[part])


def folder_listing(parts: dict[str, Path]) -> tuple[Listing, Iterator[str]]:
    """A folder a class: the listing, and a stamp of each file. Hidden files are passed over."""
    listing: Listing = {}
    stamps: list[str] = []
    for part, directory in parts.items():
        listing[part] = {}
        for folder in class_folders(directory):
            entries = sorted(
                (entry for entry in os.scandir(folder) if _is_image(entry.name)),
                key=lambda entry: entry.name,
            )
            stamps += (f"{part}/{folder.name}/{e.name} {_entry_stamp(e)}" for e in entries)
            listing[part][folder.name] = [
                Picture(name=f"{folder.name}/{entry.name}", path=Path(entry.path))
                for entry in entries
            ]
    return listing, iter(stamps)


def class_folders(directory: Path) -> list[Path]:
    """The visible folders in `directory`, sorted by name."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.is_dir() and path.name[0] != ".")


def ilsvrc_classes(directory: Path) -> dict[str, Path]:
    """Class -> its folder or tar; a folder goes before its tar."""
    if not directory.is_dir():
        return {}
    found = {}
    for path in sorted(directory.iterdir(), reverse=True):  # n01532829.tar, then n01532829
        match = re.fullmatch(r"(n\d{8})(\.tar)?", path.name)
        if match and path.is_dir() == (match[2] is None):
            found[match[1]] = path
    return found


def path_stamps(paths: Iterable[Path]) -> Iterator[str]:
    """A stamp of each path; of a folder it is the last change to its list of files."""
    for path in paths:
        status = path.stat()
        yield f"{path.name} {status.st_size} {status.st_mtime_ns}"


def ilsvrc_listing(csvs: Mapping[str, Path], classes: Mapping[str, Path]) -> Listing:
    """The images of ILSVRC-2012 that the csv files mean.

    n0153282900000005.jpg is the fifth image of class n01532829 when its files are sorted by their
    number (`n01532829_NUMBER.JPEG`): CloserLookFewShot and mini-imagenet-tools read it so. A class
    from which files are missing therefore gives other images; it is refused only where too few
    are left.
    """
    listing: Listing = {}
    for part, rows in read_csvs(csvs).items():
        listing[part] = {}
        for label, names in rows.items():
            if label not in classes:
                raise DataError(
                    f"{csvs[part]} has class {label}, of which there is no folder or tar"
                )
            members = _numbered(label, classes[label])
            listing[part][label] = [
                _member(name, csvs[part], label, classes[label], members) for name in names
            ]
    return listing


def _member(name: str, csv_path: Path, label: str, place: Path, members: list[Picture]) -> Picture:
    match = re.fullmatch(rf"{label}(\d{{8}})\.jpg", name)
    position = int(match[1]) if match else 0
    if not 1 <= position <= len(members):
        raise DataError(
            f"{csv_path} names {name}, and {place} has {len(members)} images: "
            "that is not the whole class of ILSVRC-2012's train set"
        )
    found = members[position - 1]
    return Picture(name=f"{label}/{name}", path=found.path, span=found.span)


def _numbered(label: str, place: Path) -> list[Picture]:
    """All images of a class, sorted by the number in their names."""
    found: list[tuple[int, Picture]] = []
    pattern = re.compile(rf"{label}_(\d+)\.jpe?g", re.IGNORECASE)
    if place.is_dir():
        for entry in os.scandir(place):
            if match := pattern.fullmatch(entry.name):
                found.append((int(match[1]), Picture(name=entry.name, path=Path(entry.path))))
    else:
        try:
            with tarfile.open(place, "r:") as archive:
                for member in archive:
                    if match := pattern.fullmatch(Path(member.name).name):
                        span = (member.offset_data, member.size)
                        found.append(
                            (int(match[1]), Picture(name=member.name, path=place, span=span))
                        )
        except (tarfile.TarError, OSError) as error:
            raise DataError(f"{place} is not a whole tar ({error}): replace that copy") from error
    return [picture for _, picture in sorted(found, key=lambda pair: pair[0])]


def _is_image(name: str) -> bool:
    return name[0] != "." and name.lower().endswith(SUFFIXES)


def _entry_stamp(entry: os.DirEntry[str]) -> str:
    status = entry.stat()
    return f"{status.st_size} {status.st_mtime_ns}"
