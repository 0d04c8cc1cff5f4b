"""Omniglot (Lake et al. 2015): find a copy, check it, decode it to 28x28.

A copy is the official tree `images_background`, `images_evaluation` or the two official zips, read
without unpacking. The two sets are merged, as the paper's authors did (paper section 5.2): 1,623
characters of 20 drawings each.
"""

import hashlib
import io
import logging
import os
import re
import sys
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from PIL import Image

from suite.data.cache import Decoded, cached
from suite.data.images import ImageData, Progress
from suite.data.manifest import blank_warnings, image_digest, image_warnings
from suite.errors import DataError
from suite.files import cache_dir

log = logging.getLogger(__name__)

SPLIT_COUNTS = (1100, 100, 423)  # train, validation, test: the authors' data_generator.py
N_CLASSES = sum(SPLIT_COUNTS)
N_DRAWINGS = 20
RAW_SIZE = (105, 105)
SIZE = (28, 28)
PARTS = ("images_background", "images_evaluation")
DECODER = "1"  # raise it when the same files give other pixels
BY_HAND = (
    "download images_background.zip and images_evaluation.zip from https://github.com/"
    "brendenlake/omniglot/tree/master/python into a directory DIR and pass --data DIR"
)


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
        return f"{self.container}" if self.member is None else f"{self.container}:{self.member}"


def load_omniglot(
    root: Path | None, *, n_classes: int = N_CLASSES, progress: Progress | None = None
) -> ImageData:
    """Load Omniglot from `root`, `SUITE_DATA`, the cache or the network: the first that is given.

    Images are (class, 20, 1, 28, 28), 0 or 255, ink 255; a class is "ALPHABET/characterNN".
    Raises `DataError`, naming the file, where the copy is not complete and sound.
    """
    places = find_copy(root)
    by_class = _by_class([drawing for place in places for drawing in _listing(place)])
    for problem in _problems(by_class, n_classes):
        raise DataError(f"Omniglot in {places[0].parent}: {problem}; unpack it again")
    stamps = "".join(f"{d.name} {d.stamp}\n" for row in by_class.values() for d in row)
    cache_id = hashlib.sha256(f"{DECODER}\n{stamps}".encode()).hexdigest()[:16]
    return cached("omniglot", cache_id=cache_id, build=lambda: _decode(by_class, progress))


def find_copy(root: Path | None) -> tuple[Path, Path]:
    """The two parts of a copy, background and evaluation, each a directory or a zip.

    `root` may hold the parts or a directory `omniglot` (torchvision's `omniglot-py`) that does.
    """
    if root is None and os.environ.get("SUITE_DATA"):
        root = Path(os.environ["SUITE_DATA"])
    if root is None:
        root = cache_dir() / "omniglot"
        if len(_parts_in(root)) < 2:
            _download(root)
    root = root.expanduser()
    for directory in (root, root / "omniglot", root / "omniglot-py"):
        places = _parts_in(directory)
        if len(places) == 2:
            return places[PARTS[0]], places[PARTS[1]]
        for part in places:
            missing = PARTS[1 - PARTS.index(part)]
            raise DataError(f"Omniglot in {directory} has {part} but no {missing}; {BY_HAND}")
    raise DataError(
        f"no Omniglot in {root}: neither there nor in omniglot/ or omniglot-py/ lie "
        f"{PARTS[0]}[.zip] and {PARTS[1]}[.zip]; {BY_HAND}"
    )


def _parts_in(directory: Path) -> dict[str, Path]:
    """The parts found in `directory`; an unpacked one goes before its zip."""
    paths = [(part, directory / f"{part}{suffix}") for suffix in (".zip", "") for part in PARTS]
    return {part: path for part, path in paths if path.exists()}


def _download(target: Path) -> None:
    """Fetch the two official zips, their checksums compared, into `target`."""
    target.mkdir(parents=True, exist_ok=True)
    with FileLock(target / ".lock"):
        for part in PARTS:
            if not (target / f"{part}.zip").exists():
                _download_zip(part, target)


def _download_zip(part: str, target: Path) -> None:
    # torchvision fails at import beside a torch that it was not built for, so it is imported only
    # where there is no other way to get the data; its failures have many types.
    scratch = target / ".part"  # a killed download leaves a torn file here, not in its place
    log.info("downloading Omniglot's %s.zip to %s", part, target)
    try:
        from torchvision.datasets import Omniglot
        from torchvision.datasets.utils import download_url

        with nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO()):
            url = f"{Omniglot.download_url_prefix}/{part}.zip"
            download_url(url, str(scratch), md5=Omniglot.zips_md5[part])
        (scratch / f"{part}.zip").replace(target / f"{part}.zip")
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"cannot download Omniglot ({type(error).__name__}: {reason}); {BY_HAND}"
        ) from error


def _listing(place: Path) -> Iterator[Drawing]:
    """Every drawing in `place`; hidden files and `__MACOSX` are passed over."""
    if not place.is_dir():
        stamp = f"{place.name} {_stamp(place)}"
        with _open_zip(place) as archive:
            for member in archive.namelist():
                name = member.removeprefix(f"{place.stem}/")
                if _is_drawing(name):
                    yield Drawing(name=name, container=place, member=member, stamp=stamp)
        return
    for path in place.glob("*/*/*.png"):
        name = path.relative_to(place).as_posix()
        if _is_drawing(name):
            yield Drawing(name=name, container=path, member=None, stamp=_stamp(path))


def _is_drawing(name: str) -> bool:
    parts = name.split("/")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return len(parts) == 3 and parts[2].endswith(".png") and not hidden


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} is not a whole zip ({error}): delete it; {BY_HAND}") from error


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
        number = re.fullmatch(r"character(\d\d)", character)
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


def _decode(by_class: dict[str, list[Drawing]], progress: Progress | None) -> Decoded:
    drawings = [drawing for row in by_class.values() for drawing in row]
    images = np.empty((len(drawings), 1, *SIZE), dtype=np.uint8)
    raw_lines = []
    steps = drawings if progress is None else progress(drawings, "omniglot", len(drawings))
    with ExitStack() as stack:
        archives: dict[Path, zipfile.ZipFile] = {}
        for index, drawing in enumerate(steps):
            if drawing.member is not None and drawing.container not in archives:
                archive = stack.enter_context(_open_zip(drawing.container))
                archives[drawing.container] = archive
            image = _open_image(drawing, archives)
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


def _open_image(drawing: Drawing, archives: dict[Path, zipfile.ZipFile]) -> Image.Image:
    """The drawing as it is: 105x105, mode "1", ink 0."""
    try:
        if drawing.member is None:
            data = drawing.container.read_bytes()
        else:
            data = archives[drawing.container].read(drawing.member)
        image = Image.open(io.BytesIO(data))
        image.load()
    except (OSError, SyntaxError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"cannot decode {drawing} ({error}): replace that copy") from error
    if image.size != RAW_SIZE or image.mode != "1":
        found = f"{image.width}x{image.height}, mode {image.mode}"
        raise DataError(f"{drawing} is {found}, not 105x105, mode 1: use the official files")
    return image


def shrink(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Resize a 1-bit drawing to (28, 28), 0 or 255, ink 255.

    NEAREST although the authors ask for LANCZOS (resize_images.py): Pillow resizes mode "1" with
    NEAREST whatever is asked for, so their inputs were binary. Saying it here keeps the pixels
    should Pillow change. They invert as well: ink is 1, paper 0.
    """
    small = image.resize(SIZE, Image.Resampling.NEAREST)
    return np.where(np.asarray(small, dtype=bool), 0, 255).astype(np.uint8)
