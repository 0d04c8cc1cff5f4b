"""Every form gives the same images and split; what stands twice in a copy is told."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from PIL import Image

from suite.data.decoding import Picture, decode
from suite.data.images import ImageData, load_image_data
from suite.data.miniimagenet import decode as mini_decode
from suite.data.miniimagenet import reader as miniimagenet
from suite.data.miniimagenet.reader import load_miniimagenet
from suite.data.miniimagenet.split import RAVI_LAROCHELLE, check
from suite.data.source import task_source
from suite.errors import DataError
from suite.files import cache_dir
from suite.settings import DATA_SETS, get_setting
from tests.data import mini_copies
from tests.data.mini_copies import EXPECTED, N_IMAGES, jpeg, names, pixels

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


@pytest.mark.data
@pytest.mark.slow
def test_the_real_mini_imagenet(miniimagenet_root: Path) -> None:
    data = load_image_data("miniimagenet", root=miniimagenet_root)
    assert data.images.shape == (100, 600, 3, 84, 84)
    split = data.fixed_split
    assert split is not None
    parts = (split.train, split.validation, split.test)
    assert tuple(map(len, parts)) == (64, 16, 20)
    assert split.sha256 == "688812fa5e7544ba58ea8410b18fd60f98802aef96f63b1ec3018c69a27cfd3d"
    assert "tested on" in DATA_SETS["miniimagenet"].copies[data.fingerprint]
    # The eight pairs of the original; none touches the test classes.
    assert data.warnings[0] == "identical files, groups: 6 across train and val, 2 within train"
    assert len(data.warnings) == 7
    assert sum("val n03535780" in line and "train n03888605" in line for line in data.warnings) == 5

    config = get_setting("miniimagenet-5way-1shot").config
    source = task_source(config, (0,), torch.device("cpu"), data)
    batch = source.streams("test").batch(0, 2, config.k_shot, config.n_query)
    assert batch.support_x.shape == (2, 5, 3, 84, 84)
    assert batch.query_x.shape == (2, 75, 3, 84, 84)
    assert 0.0 <= batch.support_x.min() < 0.1
    assert 0.9 < batch.support_x.max() <= 1.0
    assert source.fingerprint == data.fingerprint
    assert source.splits == (split,)
    shutil.rmtree(cache_dir() / "data")  # 1.3 GB
