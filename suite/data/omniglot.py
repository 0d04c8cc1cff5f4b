"""Omniglot (Lake et al. 2015): find a copy, check it, decode it to 28x28.

A copy is the official tree `images_background`, `images_evaluation` or the two official zips, read
without unpacking. The two sets are merged, as the paper's authors did (paper section 5.2): 1,623
characters of 20 drawings each.
"""

import errno
import lzma
import os
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from suite.data.cache import Decoded, Source, cached, content_of
from suite.data.download import by_hand, fetch
from suite.data.images import ImageData, Progress
from suite.data.layouts import elsewhere, folders_in, looks_like, stamp, unopened
from suite.data.manifest import blank_warnings, image_digest, image_warnings
from suite.data.pictures import ERRORS, open_image
from suite.data.unreadable import unreadable
from suite.errors import DataError, one_line
from suite.files import cache_dir, configured, expanded, open_regular, read_regular

N_CLASSES = 1623
N_DRAWINGS = 20
RAW_SIZE = (105, 105)
SIZE = (28, 28)
ARCHIVED = ("omniglot", "images", "python")  # in the names of archives that may hold it
FOLDERS = ("omniglot", "omniglot-py", "omniglot-master")
PARTS = ("images_background", "images_evaluation")
MOST_PIXELS = 2**20
MOST_BYTES = 2**20  # a drawing has some hundred
MOST_ZIP = 2**28
MOST_MEMBERS = 200_000
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError)
_CHARACTER = re.compile(r"character(\d\d)")
_LEVELS = 3  # that a copy may be unpacked too deep
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DECODER = "1"  # raise it when the same files give other pixels
BY_HAND = by_hand("omniglot")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Where one drawing lies."""

    name: str
    """ALPHABET/characterNN/FILE.png"""
    container: Path
    """The image itself, or the zip that holds it."""
    member: str | None
    stamp: str
    """Size and time of the container: another stamp means that it must be read again."""

    def __str__(self) -> str:
        return one_line(str(self.container) + (f":{self.member}" if self.member else ""))


def load_omniglot(
    root: Path | None, *, n_classes: int = N_CLASSES, progress: Progress | None = None
) -> ImageData:
    """Load Omniglot from `root`, `SUITE_DATA`, the cache or the network: the first that is given.

    Images are (class, 20, 1, 28, 28), 0 or 255, ink 255; a class is "ALPHABET/characterNN".
    Raises `DataError`, naming the file, where the copy is not complete and sound.
    """
    places = find_copy(root, progress)
    by_class = _by_class([drawing for place in places for drawing in _listing(place)])
    if not by_class:
        raise DataError(
            f"Omniglot in {places[0].parent}: no ALPHABET/characterNN/FILE.png lies in {PARTS[0]} "
            f"or {PARTS[1]}{unopened(ARCHIVED, *places)}"
        )
    for problem in _problems(by_class, n_classes):
        raise DataError(f"Omniglot in {places[0].parent}: {one_line(problem)}; unpack it again")
    stamps = "".join(f"{d.name} {d.stamp}\n" for row in by_class.values() for d in row)
    source = Source(stamp=stamps, content=lambda: _content(by_class), settings=DECODER)
    return cached("omniglot", source=source, build=lambda: _decode(by_class, progress))


def at_hand() -> str | None:
    """Where the copy lies that would be used without a download; None where there is none."""
    if configured("SUITE_DATA") is None and len(_parts_in(_downloads())) < len(PARTS):
        return None
    return " and ".join(str(place) for place in find_copy(None))


def find_copy(root: Path | None, progress: Progress | None = None) -> tuple[Path, Path]:
    """The two parts of a copy, background and evaluation, each a directory or a zip.

    `root` may hold the parts, or a directory `omniglot` (torchvision's `omniglot-py`) that does, or
    a clone of the authors' repository, where they are in `python`.
    """
    root = root or configured("SUITE_DATA")
    if root is None:
        root = _downloads()
        if len(_parts_in(root)) < len(PARTS):
            _download(progress)
    root = expanded(root)
    try:
        return _copy_in(root)
    except OSError as error:
        raise DataError(f"cannot look for Omniglot in {root}: {error}") from error


def _copy_in(root: Path) -> tuple[Path, Path]:
    named = filter(looks_like(FOLDERS), folders_in(root))
    directories = [each / sub for each in (root, *named) for sub in (".", "python")]
    for directory in directories:
        places = _parts_in(directory)
        if len(places) == 2:
            return places[PARTS[0]], places[PARTS[1]]
        for part in places:
            missing = PARTS[1 - PARTS.index(part)]
            raise DataError(f"Omniglot in {directory} has {part} but no {missing}; {BY_HAND}")
    where = elsewhere(root, lambda place: len(_parts_in(place)) == 2) or unopened(
        ARCHIVED, *directories
    )
    raise DataError(
        f"no Omniglot in {root}: neither there nor in omniglot/ or omniglot-py/ lie "
        f"{PARTS[0]}[.zip] and {PARTS[1]}[.zip]{where or f'; {BY_HAND}'}"
    )


def _parts_in(directory: Path) -> dict[str, Path]:
    """The parts found in `directory`; an unpacked one goes before its zip."""
    paths = [(part, directory / f"{part}{suffix}") for suffix in (".zip", "") for part in PARTS]
    return {part: path for part, path in paths if path.exists()}


def _downloads() -> Path:
    return cache_dir() / "omniglot"


def _download(progress: Progress | None) -> None:
    try:
        fetch("omniglot", progress=progress)
    except DataError as error:
        raise DataError(f"{error}; or {BY_HAND}") from error


def _listing(place: Path) -> Iterator[Drawing]:
    """Every drawing in `place`; hidden files and `__MACOSX` are passed over."""
    try:
        yield from _unpacked(_alphabets(place)) if place.is_dir() else _zipped(place)
    except OSError as error:
        raise DataError(f"Omniglot in {place.parent} cannot be read: {error}") from error


def _zipped(place: Path) -> Iterator[Drawing]:
    """The last three parts of each name in the zip count: it may have folders before them."""
    container_stamp = f"{place.name} {stamp(place.stat())}"
    with _open_zip(place) as archive:
        for member in archive.namelist():
            parts = [part for part in member.split("/") if part != "."]
            if len(parts) >= 3 and not any(map(_is_hidden, parts)) and parts[-1].endswith(".png"):
                name = "/".join(parts[-3:])
                yield Drawing(name=name, container=place, member=member, stamp=container_stamp)


def _unpacked(place: Path) -> Iterator[Drawing]:
    for alphabet in folders_in(place):
        for character in folders_in(alphabet):
            if _is_hidden(alphabet.name) or _is_hidden(character.name):
                continue
            with os.scandir(character) as entries:
                for entry in entries:
                    if entry.name.endswith(".png") and not _is_hidden(entry.name):
                        yield Drawing(
                            name=f"{alphabet.name}/{character.name}/{entry.name}",
                            container=Path(entry),
                            member=None,
                            stamp=stamp(entry.stat()),
                        )


def _alphabets(place: Path) -> Path:
    """`place`, or the folder in it that holds the alphabets where it was unpacked too deep."""
    for _ in range(_LEVELS):
        inside = [folder for folder in folders_in(place) if not _is_hidden(folder.name)]
        if len(inside) != 1 or any(_CHARACTER.fullmatch(f.name) for f in folders_in(inside[0])):
            break
        place = inside[0]
    return place


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


@contextmanager
def _open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip at `path`. A `DataError` where it is none, or not one that can be read."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_regular(path))
            if os.fstat(file.fileno()).st_size > MOST_ZIP:
                raise DataError(f"{path} has more than {MOST_ZIP:,} bytes: it is not Omniglot's")
            archive = stack.enter_context(zipfile.ZipFile(file))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            failed, advice = f"{path} is not a whole zip", f"delete it; {BY_HAND}"
            raise unreadable(path, error, failed=failed, advice=advice) from error
        if len(archive.infolist()) > MOST_MEMBERS:
            raise DataError(f"{path} has more than {MOST_MEMBERS:,} files: it is not Omniglot's")
        for member in archive.infolist():
            if member.flag_bits & 1:
                raise DataError(f"{path} is locked with a password: unpack it beside itself")
            if member.compress_type not in _COMPRESSIONS:
                raise DataError(
                    f"{path} is compressed in a way that Python cannot read (method "
                    f"{member.compress_type}; 9 is Deflate64): unpack it beside itself"
                )
        yield archive


def _by_class(drawings: list[Drawing]) -> dict[str, list[Drawing]]:
    """Drawings by class, both sorted by name."""
    by_class = defaultdict(list)
    for drawing in sorted(drawings, key=lambda drawing: drawing.name):
        by_class[drawing.name.rsplit("/", 1)[0]].append(drawing)
    return dict(sorted(by_class.items()))


def _problems(by_class: dict[str, list[Drawing]], n_classes: int) -> Iterator[str]:
    """What keeps a copy from being complete; an empty directory is a missing class."""
    highest: dict[str, int] = defaultdict(int)
    for name in by_class:
        alphabet, character = name.split("/")
        number = _CHARACTER.fullmatch(character)
        if number is None:
            yield f"{name} is not named ALPHABET/characterNN"
        else:
            highest[alphabet] = max(highest[alphabet], int(number[1]))
    for alphabet, last in highest.items():
        names = (f"{alphabet}/character{number:02}" for number in range(1, last + 1))
        yield from (f"class {name} is missing" for name in names if name not in by_class)
    if len(by_class) != n_classes:
        yield f"there are {len(by_class)} classes, not {n_classes}"
    for name, row in by_class.items():
        if len(row) != N_DRAWINGS:
            yield f"class {name} has {len(row)} drawings, not {N_DRAWINGS}"


def _content(by_class: dict[str, list[Drawing]]) -> str:
    drawings = (drawing for row in by_class.values() for drawing in row)
    with ExitStack() as stack:
        archives: dict[Path, zipfile.ZipFile] = {}
        return content_of((drawing.name, _read(drawing, archives, stack)) for drawing in drawings)


def _decode(by_class: dict[str, list[Drawing]], progress: Progress | None) -> Decoded:
    drawings = [drawing for row in by_class.values() for drawing in row]
    images = np.empty((len(drawings), 1, *SIZE), dtype=np.uint8)
    raw_lines = []
    steps = drawings if progress is None else progress(drawings, "omniglot", len(drawings))
    with ExitStack() as stack:
        archives: dict[Path, zipfile.ZipFile] = {}
        for index, drawing in enumerate(steps):
            image = _open_image(drawing, _read(drawing, archives, stack))
            raw_lines.append(f"{drawing.name} {image_digest(np.asarray(image, dtype=np.uint8))}")
            images[index, 0] = shrink(image)
    classes = tuple(by_class)
    files = tuple(tuple(d.name.rsplit("/", 1)[1] for d in row) for row in by_class.values())
    images = images.reshape(len(classes), N_DRAWINGS, 1, *SIZE)
    return Decoded(
        images=images,
        classes=classes,
        files=files,
        warnings=lambda lines: (*image_warnings(lines, raw_lines), *blank_warnings(images)),
    )


def _open_image(drawing: Drawing, data: bytes) -> Image.Image:
    """The drawing as it is: 105x105, mode "1", ink 0."""
    try:
        image = open_image(data, ("PNG",), MOST_PIXELS)
    except ERRORS as error:
        raise _undecodable(drawing, error) from error
    if image.size != RAW_SIZE or image.mode != "1":
        found = f"{image.width}x{image.height}, mode {image.mode}"
        raise DataError(f"{drawing} is {found}, not 105x105, mode 1: use the official files")
    return image


def _read(drawing: Drawing, archives: dict[Path, zipfile.ZipFile], stack: ExitStack) -> bytes:
    """The bytes of one PNG; its zip is opened into `archives` once, and closed by `stack`."""
    try:
        if drawing.member is None:
            return read_regular(drawing.container, MOST_BYTES)
        if drawing.container not in archives:
            archives[drawing.container] = stack.enter_context(_open_zip(drawing.container))
        with archives[drawing.container].open(drawing.member) as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise OSError(errno.EFBIG, f"more than {MOST_BYTES:,} bytes")
    except (OSError, ValueError, EOFError, *ZIP_ERRORS) as error:
        raise _undecodable(drawing, error) from error
    return data


def _undecodable(drawing: Drawing, error: Exception) -> DataError:
    failed = f"cannot decode {drawing}"
    return unreadable(drawing, error, failed=failed, advice="replace that copy")


def shrink(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Resize a 1-bit drawing to (28, 28), 0 or 255, ink 255.

    NEAREST although the authors ask for LANCZOS (resize_images.py): Pillow resizes mode "1" with
    NEAREST whatever is asked for, so their inputs were binary. Saying it here keeps the pixels
    should Pillow change. They invert as well: ink is 1, paper 0.
    """
    small = image.resize(SIZE, Image.Resampling.NEAREST)
    return np.where(np.asarray(small, dtype=bool), 0, 255).astype(np.uint8)
