"""Every form gives the same images and split; whatever is wrong with a copy is told by name."""

import errno
import os
import pickle
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import mini_copies
import numpy as np
import pytest
import torch
from mini_copies import EXPECTED, N_IMAGES, jpeg, names, pixels
from PIL import Image

from suite.data import cache, mini_decode, miniimagenet
from suite.data.decoding import Picture, decode
from suite.data.images import ImageData, load_image_data
from suite.data.known import copy_name
from suite.data.mini_copy import find_copy
from suite.data.mini_split import RAVI_LAROCHELLE, check
from suite.data.miniimagenet import load_miniimagenet
from suite.data.source import task_source
from suite.errors import DataError
from suite.files import cache_dir
from suite.settings import get_setting

T = TypeVar("T")
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


def test_images_and_csv_files(flat: Path) -> None:
    data = _load(flat)
    assert data.name == "miniimagenet"
    assert data.images.shape == (7, N_IMAGES, 3, 84, 84)
    assert data.images.dtype == np.uint8
    assert data.classes == EXPECTED.classes
    assert data.warnings == ()
    split = data.fixed_split
    assert split is not None
    assert split.seed is None
    assert [part.tolist() for part in (split.train, split.validation, split.test)] == [
        [0, 1, 2],
        [3, 4],
        [5, 6],
    ]
    for row, label in zip(data.images, EXPECTED.classes, strict=True):
        for image, name in zip(row, names(label), strict=True):
            np.testing.assert_array_equal(image, pixels(jpeg(name)))


def test_folders_hold_the_same_data_wherever_they_lie(
    flat: Path, folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _load(flat)
    data = _load(folders)
    assert data.fingerprint == expected.fingerprint
    np.testing.assert_array_equal(data.images, expected.images)
    (folders / "val").rename(folders / "validation")
    assert _load(folders).fingerprint == expected.fingerprint
    (tmp_path / "holder").mkdir()
    flat.rename(tmp_path / "holder" / "mini-imagenet")
    monkeypatch.setenv("SUITE_DATA", str(tmp_path / "holder"))
    assert _load(None).fingerprint == expected.fingerprint


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickles_hold_the_same_pixels(flat: Path, tmp_path: Path, protocol: int) -> None:
    expected = _load(flat)
    copy = mini_copies.make_pickles(tmp_path / "copy", protocol=protocol)
    (copy / "mini-imagenet-cache-val.pkl").rename(copy / "mini-imagenet-cache-validation.pkl")
    data = _load(copy)
    np.testing.assert_array_equal(data.images, expected.images)
    assert data.classes == expected.classes
    assert data.fingerprint != expected.fingerprint  # the images have no names there


@pytest.mark.parametrize("tars", [False, True])
def test_imagenet_is_picked_by_position_and_squashed_with_lanczos(
    tmp_path: Path, tars: bool
) -> None:
    data = _load(mini_copies.make_ilsvrc(tmp_path / "ilsvrc", tars=tars))
    for row, label in zip(data.images, EXPECTED.classes, strict=True):
        originals = list(mini_copies.ilsvrc_images(label).values())
        for image, number in zip(row, mini_copies.NUMBERS, strict=True):
            np.testing.assert_array_equal(image, pixels(originals[number - 1]))
    other = mini_copies.make_ilsvrc(tmp_path / "other", tars=not tars)
    assert _load(other).fingerprint == data.fingerprint


def test_lanczos_ignores_the_aspect_ratio(tmp_path: Path) -> None:
    """The authors' proc_images.py: `im.resize((84, 84), resample=Image.LANCZOS)`."""
    path = tmp_path / "image.png"
    colours = np.random.default_rng(0).integers(0, 256, (60, 200, 3), np.uint8)
    Image.fromarray(colours).save(path)
    theirs = Image.fromarray(colours).resize((84, 84), Image.Resampling.LANCZOS)
    found, _ = decode(Picture(name="a/b", path=path))
    np.testing.assert_array_equal(found, np.asarray(theirs).transpose(2, 0, 1))


def test_the_cache_is_reused_until_a_file_changes(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    monkeypatch.setattr(
        miniimagenet,
        "decode_copy",
        lambda *a: (decoded.append(1), mini_decode.decode_copy(*a))[1],
    )
    first = _load(flat)
    assert _load(flat).fingerprint == first.fingerprint
    assert len(decoded) == 1
    victim = flat / "images" / names(VAL)[0]
    victim.write_bytes(jpeg("something else"))
    os.utime(victim, ns=(0, 0))
    assert _load(flat).fingerprint != first.fingerprint
    assert len(decoded) == 2


@pytest.mark.parametrize(("form", "steps"), [("flat", 7 * N_IMAGES), ("pickles", 7)])
def test_progress_sees_every_step(form: str, steps: int, request: pytest.FixtureRequest) -> None:
    seen: list[object] = []

    def progress(items: Iterable[T], description: str, total: int) -> Iterable[T]:
        seen.append((description, total))
        for item in items:
            seen.append(item)
            yield item

    load_miniimagenet(request.getfixturevalue(form), expected=EXPECTED, progress=progress)
    assert isinstance(seen[0], tuple)
    assert seen[0][1] == steps
    assert len(seen) == 1 + steps


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
        r"test\.csv is not a table of filename,label \(KeyError: 'filename'\)$",
    ),
    "half a line": (
        lambda place: (place / "test.csv").write_text("filename,label\nx.jpg\n"),
        r"test\.csv is not a table of filename,label \(ValueError: half a line",
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
        r"class_dict does not name each of the 8 images exactly once$",
    ),
    "another shape": (
        lambda place: _pickled(
            place, lambda content: content.update(image_data=np.zeros((8, 3, 84, 84), np.uint8))
        ),
        r"image_data is uint8 \(8, 3, 84, 84\), not uint8 \(n, 84, 84, 3\)$",
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


def test_the_official_data_set_has_exactly_600_images_a_class() -> None:
    counts = {part: dict.fromkeys(names, 600) for part, names in RAVI_LAROCHELLE.parts.items()}
    assert {part: len(row) for part, row in counts.items()} == {"train": 64, "val": 16, "test": 20}
    check(Path("there"), counts, RAVI_LAROCHELLE)
    counts["train"]["n13133613"] = 599
    with pytest.raises(
        DataError, match=r"^there: class n13133613 of train has 599 images, not 600$"
    ):
        check(Path("there"), counts, RAVI_LAROCHELLE)


def test_the_public_loader_takes_no_smaller_copy(flat: Path) -> None:
    with pytest.raises(DataError, match=r"class n01532829 of train has 4 images, not 600$"):
        load_image_data("miniimagenet", root=flat)


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


def test_images_that_stand_twice_are_told_with_their_parts(flat: Path) -> None:
    images = flat / "images"
    first, second = names(TRAIN)[:2]
    shutil.copy(images / first, images / second)  # within train
    shutil.copy(images / names(VAL)[0], images / names(TEST)[0])  # across val and test
    again = (images / names(VAL)[1]).read_bytes() + b"\0"  # the same pixels in another file
    (images / names(TEST)[1]).write_bytes(again)
    assert _load(flat).warnings == (
        "identical files, groups: 1 across test and val, 1 within train",
        f"identical files: val {VAL}/{names(VAL)[0]} = test {TEST}/{names(TEST)[0]}",
        "identical pixels, groups: 1 across test and val",
        f"identical pixels: val {VAL}/{names(VAL)[1]} = test {TEST}/{names(TEST)[1]}",
    )


def test_many_duplicates_end_in_a_count(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini_decode, "SHOWN_GROUPS", 3)
    for label in EXPECTED.classes:
        part = EXPECTED.part_of[label]
        for name, number in zip(names(label), range(N_IMAGES), strict=True):
            (folders / part / label / name).write_bytes(jpeg(f"{number}"))
    first, *groups, last = _load(folders).warnings
    assert first == "identical files, groups: 4 across test and train and val"
    assert len(groups) == 3
    assert last == "identical files: 1 more groups across parts"


def test_images_of_one_colour_are_counted(flat: Path) -> None:
    for name in names(VAL)[:2]:
        Image.new("RGB", (84, 84), "gray").save(flat / "images" / name)
    assert "images of a single colour: 2" in _load(flat).warnings


def test_an_empty_folder_is_told_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"^no mini-ImageNet in {tmp_path}\n") as caught:
        load_image_data("miniimagenet", root=tmp_path)
    lines = str(caught.value).splitlines()
    assert 5 <= len(lines) <= 7
    assert "SUITE_DATA=DIR" in lines[1]
    assert "non-commercial" in lines[-1]
    assert find_copy(tmp_path / "nowhere", EXPECTED) is None


@pytest.mark.data
@pytest.mark.slow
def test_the_real_mini_imagenet(miniimagenet_root: Path) -> None:
    data = load_image_data("miniimagenet", root=miniimagenet_root)
    assert data.images.shape == (100, 600, 3, 84, 84)
    split = data.fixed_split
    assert split is not None
    parts = (split.train, split.validation, split.test)
    assert tuple(map(len, parts)) == (64, 16, 20)
    assert split.sha256 == "?"
    assert "tested on" in (copy_name("miniimagenet", data.fingerprint) or "")
    # The eight pairs of the original; none touches the test classes.
    assert data.warnings[0] == "identical files, groups: 6 across train and val, 2 within train"
    assert len(data.warnings) == 7
    assert sum("val n03535780" in line and "train n03888605" in line for line in data.warnings) == 5

    config = get_setting("miniimagenet-5way-1shot").config
    source = task_source(config, 0, torch.device("cpu"), data)
    batch = source.test.batch(0, 2, config.k_shot, config.n_query)
    assert batch.support_x.shape == (2, 5, 3, 84, 84)
    assert batch.query_x.shape == (2, 75, 3, 84, 84)
    assert 0.0 <= batch.support_x.min() < 0.1
    assert 0.9 < batch.support_x.max() <= 1.0
    assert source.fingerprint == data.fingerprint
    assert source.split is split
    shutil.rmtree(cache_dir() / "data")  # 1.3 GB
