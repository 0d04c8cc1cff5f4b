"""Every way in which a copy can be wrong is told by name; zips and trees give the same pixels."""

import io
import os
import random
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from suite.data import download, omniglot
from suite.data.images import ImageData, load_image_data, seeded_split
from suite.data.omniglot import PARTS, find_copy, load_omniglot, shrink
from suite.errors import DataError
from suite.files import cache_dir
from suite.settings import DATA_SETS
from tests.data.mirror import Mirror

T = TypeVar("T")
SPLIT = DATA_SETS["omniglot"].classes
CLASSES = {
    "images_background": ("Greek/character01", "Greek/character02"),
    "images_evaluation": ("Oriya/character01",),
}
N_CLASSES = 3
VICTIM = "images_background/Greek/character02/0002_07.png"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA", raising=False)


def _png(seed: str, *, size: tuple[int, int] = (105, 105), mode: str = "1") -> bytes:
    ink = np.random.default_rng(list(seed.encode())).random(size) < 0.1
    buffer = io.BytesIO()
    Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of three classes in `root/omniglot`, with the litter that copies come with."""
    root = tmp_path / "root"
    for part, names in CLASSES.items():
        for number, name in enumerate(names, start=1):
            directory = root / "omniglot" / part / name
            directory.mkdir(parents=True)
            for index in range(1, 21):
                file = directory / f"{number:04}_{index:02}.png"
                file.write_bytes(_png(f"{name} {index}"))
            (directory / ".DS_Store").write_bytes(b"litter")
            (directory / "._0001_01.png").write_bytes(b"litter")
        litter = root / "omniglot" / part / "__MACOSX" / "character01"
        litter.mkdir(parents=True)
        (litter / "0001_01.png").write_bytes(b"litter")
    (root / "omniglot" / ".complete").touch()
    return root


@pytest.fixture
def zips(tree: Path, tmp_path: Path) -> Path:
    """The same copy as the two official zips."""
    target = tmp_path / "zips"
    target.mkdir()
    for part in PARTS:
        with zipfile.ZipFile(target / f"{part}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((tree / "omniglot" / part).rglob("*")):
                archive.write(path, path.relative_to(tree / "omniglot"))
            archive.writestr(f"__MACOSX/{part}/Greek/character01/._0001_01.png", b"litter")
    return target


def _load(root: Path | None) -> ImageData:
    return load_omniglot(root, n_classes=N_CLASSES)


def test_a_tree_is_decoded_inverted_and_named(tree: Path) -> None:
    data = _load(tree)
    assert data.name == "omniglot"
    assert data.images.shape == (3, 20, 1, 28, 28)
    assert data.images.dtype == np.uint8
    assert np.unique(data.images).tolist() == [0, 255]
    assert data.images.mean() < 128  # ink is the rare and the bright one
    assert data.classes == ("Greek/character01", "Greek/character02", "Oriya/character01")
    assert data.warnings == ()
    with Image.open(tree / "omniglot" / VICTIM) as image:
        np.testing.assert_array_equal(data.images[1, 6, 0], shrink(image))


def test_pillow_makes_the_authors_lanczos_nearest() -> None:
    image = Image.open(io.BytesIO(_png("a")))
    theirs = 255 - np.asarray(image.resize((28, 28), Image.Resampling.LANCZOS).convert("L"))
    np.testing.assert_array_equal(shrink(image), theirs)


def test_tree_and_zips_wherever_they_lie_are_the_same_data(
    tree: Path, zips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _load(tree).fingerprint
    assert _load(tree / "omniglot").fingerprint == expected
    assert _load(zips).fingerprint == expected
    (tmp_path / "holder").mkdir()
    zips.rename(tmp_path / "holder" / "omniglot")
    assert _load(tmp_path / "holder").fingerprint == expected
    monkeypatch.setenv("SUITE_DATA", str(tree))
    assert _load(None).fingerprint == expected


def test_the_order_of_the_file_system_does_not_matter(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _load(tree)
    listing = omniglot._listing

    def shuffled(place: Path) -> list[omniglot.Drawing]:
        drawings = list(listing(place))
        random.Random(0).shuffle(drawings)
        return drawings

    monkeypatch.setattr(omniglot, "_listing", shuffled)
    monkeypatch.setenv("SUITE_CACHE", str(cache_dir() / "another"))
    data = _load(tree)
    assert data.fingerprint == expected.fingerprint
    np.testing.assert_array_equal(data.images, expected.images)


def test_the_cache_is_reused_until_the_source_changes(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    decode = omniglot._decode
    monkeypatch.setattr(omniglot, "_decode", lambda *a: (decoded.append(1), decode(*a))[1])
    first = _load(tree)
    assert _load(tree).fingerprint == first.fingerprint
    assert len(decoded) == 1
    victim = tree / "omniglot" / VICTIM
    victim.write_bytes(_png("something else"))
    os.utime(victim, ns=(0, 0))
    assert _load(tree).fingerprint != first.fingerprint
    assert len(decoded) == 2


def test_a_truncated_cache_file_is_decoded_again(tree: Path) -> None:
    expected = _load(tree).fingerprint
    (array,) = (cache_dir() / "data").glob("omniglot-*.npy")
    array.write_bytes(array.read_bytes()[:1000])
    assert _load(tree).fingerprint == expected


def test_progress_sees_every_drawing(tree: Path) -> None:
    seen: list[object] = []

    def progress(items: Iterable[T], description: str, total: int) -> Iterable[T]:
        seen.append((description, total))
        for item in items:
            seen.append(item)
            yield item

    load_omniglot(tree, n_classes=N_CLASSES, progress=progress)
    assert seen[0] == ("omniglot", 60)
    assert len(seen) == 61


def test_identical_images_are_told_by_name(tree: Path) -> None:
    victim = tree / "omniglot" / VICTIM
    victim.write_bytes(
        (tree / "omniglot/images_evaluation/Oriya/character01/0001_03.png").read_bytes()
    )
    assert _load(tree).warnings == (
        "identical images in the original files, across classes: "
        "Greek/character02/0002_07.png = Oriya/character01/0001_03.png",
    )


def _remove_class(victim: Path) -> None:
    for path in victim.parents[1].glob("character01/*"):
        path.unlink()


def _remove_last_class(victim: Path) -> None:
    for path in victim.parent.iterdir():
        path.unlink()


def _strange_class(victim: Path) -> None:
    victim.parent.rename(victim.parents[1] / "copy of 2")


def _extra_drawing(victim: Path) -> None:
    victim.with_name("0002_21.png").write_bytes(victim.read_bytes())


def _cut(victim: Path) -> None:
    victim.write_bytes(victim.read_bytes()[:100])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_remove_class, r"omniglot: class Greek/character01 is missing"),
        (_remove_last_class, r"omniglot: there are 2 classes, not 3"),
        (_strange_class, r"Greek/copy of 2 is not named ALPHABET/characterNN"),
        (Path.unlink, r"class Greek/character02 has 19 drawings, not 20"),
        (_extra_drawing, r"class Greek/character02 has 21 drawings, not 20"),
        (lambda path: path.write_bytes(b"<html>"), rf"cannot decode .*{VICTIM}"),
        (lambda path: path.write_bytes(b""), rf"cannot decode .*{VICTIM}"),
        (_cut, rf"cannot decode .*{VICTIM}"),
        (lambda path: path.write_bytes(_png("a", size=(28, 28))), rf"{VICTIM} is 28x28, mode 1"),
        (lambda path: path.write_bytes(_png("a", mode="L")), rf"{VICTIM} is 105x105, mode L"),
    ],
)
def test_a_damaged_tree_is_refused_by_name(
    tree: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(tree / "omniglot" / VICTIM)
    with pytest.raises(DataError, match=message) as caught:
        _load(tree)
    assert "\n" not in str(caught.value)


def test_a_truncated_zip_is_refused_by_name(zips: Path) -> None:
    path = zips / "images_evaluation.zip"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"images_evaluation\.zip is not a whole zip"):
        _load(zips)


def test_a_zip_damaged_inside_is_refused_by_name(zips: Path) -> None:
    path = zips / "images_evaluation.zip"
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("images_evaluation/Oriya/character01/0001_05.png")
    start = info.header_offset + 30 + len(info.filename) + 20
    data[start : start + 50] = bytes(50)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"images_evaluation\.zip:.*/0001_05\.png"):
        _load(zips)


def test_half_a_copy_is_refused(zips: Path) -> None:
    (zips / "images_background.zip").unlink()
    with pytest.raises(DataError, match="has images_evaluation but no images_background; download"):
        find_copy(zips)


def test_a_directory_without_omniglot_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no Omniglot in .*nowhere: .* pass --data DIR$"):
        load_image_data("omniglot", root=tmp_path / "nowhere")


@pytest.fixture
def served(zips: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """The zips of the small copy, in the place of the official ones."""
    monkeypatch.setattr(download, "CHUNK", 1 << 20)
    mirror.files = {f"{part}.zip": (zips / f"{part}.zip").read_bytes() for part in PARTS}
    entry = replace(DATA_SETS["omniglot"], download=mirror.download())
    monkeypatch.setitem(DATA_SETS, "omniglot", entry)
    return mirror


def test_without_a_copy_the_official_zips_are_fetched_once(zips: Path, served: Mirror) -> None:
    assert omniglot.at_hand() is None
    expected = _load(zips).fingerprint
    assert _load(None).fingerprint == expected
    assert _load(None).fingerprint == expected
    assert len(served.asked) == len(PARTS)
    found = omniglot.at_hand()
    assert found is not None
    assert found.count(str(cache_dir())) == len(PARTS)


def test_a_failed_download_says_how_to_do_it_by_hand(served: Mirror) -> None:
    served.files.pop("images_evaluation.zip")
    with pytest.raises(DataError, match=r"404.*: suite data omniglot; or download .* --data DIR$"):
        _load(None)
    assert list((cache_dir() / "omniglot").glob("*.zip")) == []
    asked = len(served.asked)
    assert omniglot.at_hand() is None
    assert len(served.asked) == asked


@pytest.mark.data
def test_the_real_omniglot(omniglot_root: Path) -> None:
    data = load_image_data("omniglot", root=omniglot_root)
    assert data.images.shape == (1623, 20, 1, 28, 28)
    assert len({name.split("/")[0] for name in data.classes}) == 50
    assert data.fingerprint == "21bdee53e651dbecda0e1fce23ab6f32e0ede537dcf3165b0322912c6a14adea"
    # Within a class: the same drawing twice. No image stands in two classes.
    assert data.warnings == (
        "identical images in the original files, groups within one class: 1",
        "identical images once shrunk, groups within one class: 5",
    )
    split = seeded_split(data, counts=SPLIT, seed=1)
    assert (len(split.train), len(split.validation), len(split.test)) == SPLIT
