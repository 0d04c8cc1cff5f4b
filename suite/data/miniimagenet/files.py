"""The copies of mini-ImageNet that are image files: where each image of each class lies.

- `images/*.jpg` and Ravi and Larochelle's train.csv, val.csv, test.csv;
- a folder a class in train/, val/ and test/;
- the classes of ILSVRC-2012's train set, as folders or as tars, and the three csv files.
"""

import csv
import io
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from suite.data.decoding import Picture
from suite.data.layouts import stamp
from suite.data.unreadable import unreadable
from suite.errors import DataError, one_line
from suite.files import open_regular, read_regular

PARTS = ("train", "val", "test")
SUFFIXES = (".jpg", ".jpeg", ".png")
_MOST_TABLE = 2**26
_MOST_TAR = 2**31  # a class of ILSVRC-2012 has some 150 MB
_MOST_MEMBERS = 10_000
_SHOWN_HEADER = 80
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
            for name, label in _rows(read_regular(path, _MOST_TABLE).decode("utf-8-sig")):
                if name in seen:
                    raise DataError(f"{path} names {one_line(name)} a second time")
                seen.add(name)
                classes.setdefault(label, []).append(name)
        except OSError as error:
            failed = f"{path} is not a table of filename,label"
            raise unreadable(path, error, failed=failed, advice="replace that copy") from error
        except (ValueError, csv.Error) as error:
            raise DataError(f"{path} is not a table of filename,label: {error}") from error
        rows[part] = {label: sorted(classes[label]) for label in sorted(classes)}
    return rows


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """Each line's file and class; the header may be in any case, and have other columns too."""
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    header = [column.strip().lower() for column in next(lines, [])]
    if not {"filename", "label"} <= set(header):
        shown = one_line(",".join(header))[:_SHOWN_HEADER]
        raise ValueError(f"its header is '{shown}', without the columns filename and label")
    columns = header.index("filename"), header.index("label")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        name, label = (line[at].strip() if at < len(line) else "" for at in columns)
        if not name or not label:
            raise ValueError(f"half a line, the {number}th after its header")
        yield name, label


def flat_listing(images: Path, csvs: dict[str, Path]) -> tuple[Listing, Iterator[str]]:
    """`images/*.jpg` and the csv files: the listing, and a stamp of each file.

    Raises `DataError` where a csv file names a file that is not there.
    """
    rows = read_csvs(csvs)
    with os.scandir(images) as entries:
        stamps = {entry.name: stamp(entry.stat()) for entry in entries}
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
            with os.scandir(folder) as found:
                entries = {each.name: each.stat() for each in found if _is_image(each.name)}
            names = sorted(entries)
            stamps += (f"{part}/{folder.name}/{name} {stamp(entries[name])}" for name in names)
            listing[part][folder.name] = [
                Picture(name=f"{folder.name}/{name}", path=folder / name) for name in names
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
    """A stamp of each path, and of each file in a folder."""
    for path in paths:
        yield f"{path.name} {stamp(path.stat())}"
        if path.is_dir():
            with os.scandir(path) as entries:
                yield from sorted(f"{entry.name} {stamp(entry.stat())}" for entry in entries)


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
        with os.scandir(place) as entries:
            for entry in entries:
                if match := pattern.fullmatch(entry.name):
                    found.append((int(match[1]), Picture(name=entry.name, path=Path(entry))))
    else:
        found = [
            (int(match[1]), Picture(name=name, path=place, span=span))
            for name, span in _tar_members(place)
            if (match := pattern.fullmatch(Path(name).name))
        ]
    return [picture for _, picture in sorted(found, key=lambda pair: pair[0])]


def _tar_members(place: Path) -> list[tuple[str, tuple[int, int]]]:
    """The name of each file in a tar, where it begins and how many bytes it has."""
    members: list[tuple[str, tuple[int, int]]] = []
    try:
        with open_regular(place) as file:
            if os.fstat(file.fileno()).st_size > _MOST_TAR:
                raise DataError(f"{place} has more than {_MOST_TAR:,} bytes: no class has so many")
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for number, member in enumerate(archive):
                    if number == _MOST_MEMBERS:
                        raise DataError(f"{place} has more than {_MOST_MEMBERS:,} files")
                    if member.isreg() and not member.issparse():
                        members.append((member.name, (member.offset_data, member.size)))
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        failed = f"{place} is not a whole tar"
        raise unreadable(place, error, failed=failed, advice="replace that copy") from error
    return members


def _is_image(name: str) -> bool:
    return name[0] != "." and name.lower().endswith(SUFFIXES)
