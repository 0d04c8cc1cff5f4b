"""Images and archives that are made to run a program, to fill the memory or to hang are refused."""

import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from suite.data.decoding import Picture, decode
from suite.data.miniimagenet import files as mini_files
from suite.data.miniimagenet.reader import load_miniimagenet
from suite.data.omniglot import load_omniglot
from suite.errors import DataError
from tests.data import mini_copies
from tests.data.mini_copies import EXPECTED, names

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 105 105\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA", raising=False)


def _png(width: int, height: int) -> bytes:
    """A PNG of few bytes that decodes to many pixels of one bit."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def _write(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**34)  # sparse: it takes no room on the disk


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "PostScript": (_write(EPS), "cannot identify image"),
    "13,000 x 13,000": (_write(_png(13_000, 13_000)), r"13,000 x 13,000 pixels|169000000 pixels"),
    "20,000 x 20,000": (_write(_png(20_000, 20_000)), r"400000000 pixels"),
    "a fifo": (os.mkfifo, "not a regular file"),
    "/dev/zero": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "No such file"),
    "16 GiB": (_large, r"17,179,869,184 bytes, more than"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_image_of_mini_imagenet(tmp_path: Path, case: str) -> None:
    make, message = HOSTILE[case]
    flat = mini_copies.make_flat(tmp_path / "flat")
    victim = flat / "images" / names(EXPECTED.classes[0])[1]
    victim.unlink()
    make(victim)
    with pytest.raises(DataError, match=message) as caught:
        load_miniimagenet(flat, expected=EXPECTED)
    assert victim.name in str(caught.value)
    assert "\n" not in str(caught.value)


def _drawing() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (105, 105), 1).save(buffer, "PNG")
    return buffer.getvalue()


def _omniglot(place: Path) -> Path:
    """A copy of two classes; the path of one drawing."""
    for part, name in (("background", "Greek"), ("evaluation", "Oriya")):
        folder = place / f"images_{part}" / name / "character01"
        folder.mkdir(parents=True)
        for number in range(1, 21):
            (folder / f"0001_{number:02}.png").write_bytes(_drawing())
    return folder / "0001_07.png"


@pytest.mark.parametrize("case", HOSTILE)
def test_a_drawing_of_omniglot(tmp_path: Path, case: str) -> None:
    make, message = HOSTILE[case]
    victim = _omniglot(tmp_path / "copy")
    victim.unlink()
    make(victim)
    with pytest.raises(DataError, match=message) as caught:
        load_omniglot(tmp_path / "copy", n_classes=2)
    assert victim.name in str(caught.value)
    assert "\n" not in str(caught.value)


def _zipped(place: Path, large: bytes | None = None) -> Path:
    """The evaluation part as a zip, of which one drawing may be something else."""
    path = place / "images_evaluation.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(1, 21):
            data = large if large is not None and number == 7 else _drawing()
            name = f"images_evaluation/Oriya/character01/0001_{number:02}.png"
            archive.writestr(name, data)
    for drawing in (place / "images_evaluation" / "Oriya" / "character01").iterdir():
        drawing.unlink()
    for folder in ("Oriya/character01", "Oriya", "."):
        (place / "images_evaluation" / folder).rmdir()
    return path


def test_a_member_of_a_zip_that_unpacks_to_much(tmp_path: Path) -> None:
    _omniglot(tmp_path)
    _zipped(tmp_path, bytes(2**26))
    with pytest.raises(DataError, match=r"0001_07\.png \(.*more than 1,048,576 bytes\)"):
        load_omniglot(tmp_path, n_classes=2)


def _marked(path: Path, *, flag: int = 0, method: int | None = None) -> None:
    """Set flags and method of every member, as another packer would have."""
    data = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + place] |= flag
            if method is not None:
                data[at + place + 2] = method
            at = data.find(signature, at + 1)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("marks", "message"),
    [({"method": 9}, r"9 is Deflate64\): unpack it"), ({"flag": 1}, "locked with a password: unp")],
)
def test_a_zip_that_python_cannot_read(tmp_path: Path, marks: dict[str, int], message: str) -> None:
    _omniglot(tmp_path)
    _marked(_zipped(tmp_path), **marks)
    with pytest.raises(DataError, match=rf"images_evaluation\.zip .*{message}") as caught:
        load_omniglot(tmp_path, n_classes=2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), _large])
def test_an_archive_that_is_none(tmp_path: Path, make: Callable[[Path], object]) -> None:
    _omniglot(tmp_path)
    path = _zipped(tmp_path)
    path.unlink()
    make(path)
    with pytest.raises(DataError, match=r"images_evaluation\.zip (is not a whole|has more than)"):
        load_omniglot(tmp_path, n_classes=2)


def test_a_tar_of_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini_files, "_MOST_MEMBERS", 5)
    place = mini_copies.make_ilsvrc(tmp_path / "ilsvrc", tars=True)
    with pytest.raises(DataError, match=r"\.tar has more than 5 files"):
        load_miniimagenet(place, expected=EXPECTED)


def test_a_member_of_a_tar_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "class.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"))
    picture = Picture(name="a/b.jpg", path=path, span=(512, 2**40))
    with pytest.raises(DataError, match="1,099,511,627,776 bytes, more than"):
        decode(picture)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), _large])
def test_a_table_that_is_none(tmp_path: Path, make: Callable[[Path], object]) -> None:
    flat = mini_copies.make_flat(tmp_path / "flat")
    (flat / "val.csv").unlink()
    make(flat / "val.csv")
    with pytest.raises(DataError, match=r"val\.csv is not a table"):
        load_miniimagenet(flat, expected=EXPECTED)


def test_names_in_an_archive_reach_no_terminal_as_they_are(tmp_path: Path) -> None:
    _omniglot(tmp_path)
    path = _zipped(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("images_evaluation/\x1b[2J\n/character01/1.png", _drawing())
    with pytest.raises(DataError, match=r"is not named|drawings, not 20|classes, not 2") as caught:
        load_omniglot(tmp_path, n_classes=2)
    assert str(caught.value).isprintable()
