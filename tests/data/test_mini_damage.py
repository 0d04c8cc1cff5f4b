"""Whatever is wrong with a copy of mini-ImageNet is told by name, in one line."""

import errno
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from suite.data import cache
from suite.data.images import ImageData, load_image_data
from suite.data.miniimagenet import files as mini_files
from suite.data.miniimagenet.copies import find_copy
from suite.data.miniimagenet.reader import load_miniimagenet
from suite.errors import DataError
from suite.files import cache_dir
from tests.data import mini_copies
from tests.data.mini_copies import EXPECTED, N_IMAGES, names

TRAIN, VAL, TEST = (EXPECTED.parts[part][0] for part in ("train", "val", "test"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA", raising=False)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return mini_copies.make_flat(tmp_path / "flat")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return mini_copies.make_folders(tmp_path / "folders")


@pytest.fixture
def pickles(tmp_path: Path) -> Path:
    return mini_copies.make_pickles(tmp_path / "pickles")


def _load(root: Path | None) -> ImageData:
    return load_miniimagenet(root, expected=EXPECTED)


def _swap(first: Path, second: Path) -> None:
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def _drop_line(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def _repeat_line(path: Path) -> None:
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")


LAST_OF_VAL = EXPECTED.parts["val"][-1]
FLAT_DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "one image too few": (
        lambda place: _drop_line(place / "val.csv"),
        rf"class {LAST_OF_VAL} of val has 3 images, not 4$",
    ),
    "a truncated JPEG": (
        lambda place: _cut(place / "images" / names(TEST)[1]),
        rf"cannot decode .*{names(TEST)[1]} \(.*truncated.*\): replace that copy$",
    ),
    "an empty JPEG": (
        lambda place: (place / "images" / names(TEST)[1]).write_bytes(b""),
        rf"cannot decode .*{names(TEST)[1]}",
    ),
    "a web page": (
        lambda place: (place / "images" / names(TEST)[1]).write_bytes(b"<html>"),
        rf"cannot decode .*{names(TEST)[1]}",
    ),
    "a missing file": (
        lambda place: (place / "images" / names(TRAIN)[2]).unlink(),
        rf"train\.csv names {names(TRAIN)[2]}, which is not in .*images$",
    ),
    "missing files": (
        lambda place: [(place / "images" / name).unlink() for name in names(VAL)],
        rf"val\.csv names {names(VAL)[0]}, which is not in .*images \(nor are 3 others\)$",
    ),
    "swapped csv files": (
        lambda place: _swap(place / "val.csv", place / "test.csv"),
        rf"class {TEST} stands in val and belongs to test in Ravi .* val and test swapped\?$",
    ),
    "one image twice": (
        lambda place: _repeat_line(place / "test.csv"),
        r"test\.csv names n\d+\.jpg a second time$",
    ),
    "a csv file of something else": (
        lambda place: (place / "test.csv").write_text("a,b\n1,2\n"),
        r"test\.csv is not a table of filename,label: its header is .a,b., without "
        "the columns filename and label$",
    ),
    "half a line": (
        lambda place: (place / "test.csv").write_text("filename,label\nx.jpg\n"),
        r"test\.csv is not a table of filename,label: half a line",
    ),
    "no line": (
        lambda place: (place / "test.csv").write_text("filename,label\n"),
        rf"class {TEST} is missing from test, which has 0 of 2 classes$",
    ),
    "two csv files": (
        lambda place: (place / "val.csv").unlink(),
        r"not whole, there is no val\.csv$",
    ),
    "no images": (
        lambda place: shutil.rmtree(place / "images"),
        r"has train\.csv, val\.csv and test\.csv, and no images/ beside them$",
    ),
}


@pytest.mark.parametrize("case", FLAT_DAMAGE)
def test_damaged_images_and_csv_files_are_refused_by_name(flat: Path, case: str) -> None:
    damage, message = FLAT_DAMAGE[case]
    damage(flat)
    with pytest.raises(DataError, match=message) as caught:
        _load(flat)
    assert "\n" not in str(caught.value)
    _nothing_is_cached()


FOLDER_DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "one image too few": (
        lambda place: (place / "train" / TRAIN / names(TRAIN)[0]).unlink(),
        rf"class {TRAIN} of train has 3 images, not 4$",
    ),
    "one image too many": (
        lambda place: (place / "train" / TRAIN / "more.jpg").touch(),
        rf"class {TRAIN} of train has 5 images, not 4$",
    ),
    "swapped folders": (
        lambda place: _swap(place / "val", place / "test"),
        rf"class {TEST} stands in val and belongs to test",
    ),
    "a class too few": (
        lambda place: shutil.rmtree(place / "val" / VAL),
        rf"class {VAL} is missing from val, which has 1 of 2 classes$",
    ),
    "a class of something else": (
        lambda place: (place / "test" / "n99999999").mkdir(),
        r"class n99999999 of test is none of mini-ImageNet's$",
    ),
    "no test": (
        lambda place: shutil.rmtree(place / "test"),
        r"folders: mini-ImageNet is not whole, there is no test/CLASS/$",
    ),
}


@pytest.mark.parametrize("case", FOLDER_DAMAGE)
def test_damaged_folders_are_refused_by_name(folders: Path, case: str) -> None:
    damage, message = FOLDER_DAMAGE[case]
    damage(folders)
    with pytest.raises(DataError, match=message) as caught:
        _load(folders)
    assert "\n" not in str(caught.value)
    _nothing_is_cached()


def _pickled(place: Path, change: Callable[[dict[str, object]], object]) -> None:
    content = mini_copies.content("test")
    change(content)
    (place / "mini-imagenet-cache-test.pkl").write_bytes(pickle.dumps(content))


PICKLE_DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "swapped files": (
        lambda place: _swap(
            *(place / f"mini-imagenet-cache-{part}.pkl" for part in ("val", "test"))
        ),
        rf"class {TEST} stands in val and belongs to test",
    ),
    "one image too few": (
        lambda place: _pickled(
            place,
            lambda content: content.update(
                image_data=content["image_data"][:-1],
                class_dict={
                    label: [index for index in row if index != 2 * N_IMAGES - 1]
                    for label, row in content["class_dict"].items()
                },
            ),
        ),
        rf"class {EXPECTED.parts['test'][-1]} of test has 3 images, not 4$",
    ),
    "an image that is nobody's": (
        lambda place: _pickled(place, lambda content: content["class_dict"][TEST].pop()),
        r"class_dict that does not name each of the 8 images exactly once$",
    ),
    "another shape": (
        lambda place: _pickled(
            place, lambda content: content.update(image_data=np.zeros((8, 3, 84, 84), np.uint8))
        ),
        r"image_data that is uint8 \(8, 3, 84, 84\), not uint8 \(n, 84, 84, 3\)$",
    ),
    "floating indices": (
        lambda place: _pickled(
            place, lambda content: content["class_dict"].update({TEST: [0.5, 1.0]})
        ),
        r"does not hold image_data and class_dict \(TypeError",
    ),
    "other keys": (
        lambda place: _pickled(place, lambda content: content.pop("class_dict")),
        r"does not hold image_data and class_dict \(KeyError: 'class_dict'\)",
    ),
    "no third file": (
        lambda place: (place / "mini-imagenet-cache-test.pkl").unlink(),
        r"there is no mini-imagenet-cache-test\.pkl$",
    ),
}


@pytest.mark.parametrize("case", PICKLE_DAMAGE)
def test_damaged_pickles_are_refused_by_name(pickles: Path, case: str) -> None:
    damage, message = PICKLE_DAMAGE[case]
    damage(pickles)
    with pytest.raises(DataError, match=message) as caught:
        _load(pickles)
    assert "\n" not in str(caught.value)
    _nothing_is_cached()


def _last_image(place: Path) -> None:
    (place / "train" / TRAIN / f"{TRAIN}_2000.JPEG").unlink()


ILSVRC_DAMAGE: dict[str, tuple[bool, Callable[[Path], object], str]] = {
    "a class that is not whole": (
        False,
        _last_image,
        rf"csv names {TRAIN}00000006\.jpg, and .*{TRAIN} has 5 images: .* not the whole class",
    ),
    "a class that is not there": (
        True,
        lambda place: (place / "train" / f"{VAL}.tar").unlink(),
        rf"val\.csv has class {VAL}, of which there is no folder or tar$",
    ),
    "a tar that is none": (
        True,
        lambda place: (place / "train" / f"{VAL}.tar").write_bytes(b"x" * 2000),
        rf"{VAL}\.tar is not a whole tar",
    ),
    "a tar cut short": (
        True,
        lambda place: _shorten(place / "train" / f"{VAL}.tar"),
        rf"{VAL}\.tar is not a whole tar|cannot decode .*{VAL}\.tar|{VAL}\.tar has \d images",
    ),
    "no csv files": (
        False,
        lambda place: [path.unlink() for path in place.glob("*.csv")],
        r"not whole, there is no val/CLASS/ and test/CLASS/$",
    ),
}


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:8000])


@pytest.mark.parametrize("case", ILSVRC_DAMAGE)
def test_a_damaged_imagenet_is_refused_by_name(tmp_path: Path, case: str) -> None:
    tars, damage, message = ILSVRC_DAMAGE[case]
    place = mini_copies.make_ilsvrc(tmp_path / "ilsvrc", tars=tars)
    damage(place)
    with pytest.raises(DataError, match=message) as caught:
        _load(place)
    assert "\n" not in str(caught.value)
    _nothing_is_cached()


def test_imagenet_without_csv_files_is_refused(tmp_path: Path) -> None:
    place = mini_copies.make_ilsvrc(tmp_path / "ilsvrc", tars=True)
    with pytest.raises(DataError, match=r"classes of ImageNet, and no train\.csv, val\.csv and"):
        _load(place / "train")


def _nothing_is_cached() -> None:
    left = {path.suffix for path in (cache_dir() / "data").glob("*")}
    assert left <= {".lock"}


def test_a_full_disk_leaves_nothing_that_counts(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = cache.image_lines
    calls: list[int] = []

    def full(*arguments: object) -> list[str]:
        calls.append(1)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return lines(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(cache, "image_lines", full)
        with pytest.raises(
            DataError, match=r"miniimagenet .*\(No space left on device\)"
        ) as caught:
            _load(flat)
    assert "\n" not in str(caught.value)
    _nothing_is_cached()
    assert not [path for path in (cache_dir() / "data").iterdir() if path.name.endswith(".tmp")]
    assert _load(flat).images.shape == (7, N_IMAGES, 3, 84, 84)


def test_an_empty_folder_is_told_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"^no mini-ImageNet in {tmp_path}\n") as caught:
        load_image_data("miniimagenet", root=tmp_path)
    lines = str(caught.value).splitlines()
    assert 5 <= len(lines) <= 7
    assert "SUITE_DATA=DIR" in lines[1]
    assert "non-commercial" in lines[-1]
    assert find_copy(tmp_path / "nowhere", EXPECTED) is None


def test_a_folder_that_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(mini_files, "class_folders", refuse)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match=r"^cannot look for mini-ImageNet in .*Permission denied"):
        _load(tmp_path)
