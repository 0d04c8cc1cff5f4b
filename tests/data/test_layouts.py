"""Data sets are found where people have them; else it is said where they seem to lie."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from test_hostile_images import _omniglot

from suite.data.miniimagenet.reader import load_miniimagenet
from suite.data.omniglot import PARTS, load_omniglot
from suite.errors import DataError
from tests.data import mini_copies
from tests.data.mini_copies import EXPECTED


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA", raising=False)


def _into(root: Path, place: str) -> None:
    for part in PARTS:
        (root / place).mkdir(parents=True, exist_ok=True)
        (root / part).rename(root / place / part)


def _too_deep(root: Path) -> None:
    for part in PARTS:
        (root / part).rename(root / "aside")
        (root / part).mkdir()
        (root / "aside").rename(root / part / part)


def _repack(root: Path, prefix: str) -> None:
    for part in PARTS:
        with zipfile.ZipFile(root / f"{part}.zip", "w") as archive:
            for path in (root / part).rglob("*.png"):
                archive.writestr(f"{prefix}{path.relative_to(root)}", path.read_bytes())
        shutil.rmtree(root / part)


OMNIGLOT: dict[str, Callable[[Path], object]] = {
    "plain": lambda root: None,
    "a clone of the authors' repository": lambda root: _into(root, "python"),
    "a clone in the folder": lambda root: _into(root, "omniglot-master/python"),
    "another case": lambda root: _into(root, "Omniglot"),
    "one level too deep": _too_deep,
    "zips with ./": lambda root: _repack(root, "./"),
    "zips with folders before the names": lambda root: _repack(root, "omniglot/python/"),
}


@pytest.mark.parametrize("case", OMNIGLOT)
def test_omniglot_is_found(tmp_path: Path, case: str) -> None:
    root = tmp_path / "root"
    _omniglot(root)
    OMNIGLOT[case](root)
    found = load_omniglot(root, n_classes=2)
    assert found.classes == ("Greek/character01", "Oriya/character01")


def test_omniglot_that_lies_elsewhere_is_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    _omniglot(root / "some" / "where")
    with pytest.raises(DataError, match=rf"it seems to lie in (.*): pass --data {root}/some/where"):
        load_omniglot(root, n_classes=2)
    inside = root / "some" / "where" / "images_background"
    with pytest.raises(DataError, match=rf"pass --data {root}/some/where"):
        load_omniglot(inside, n_classes=2)


def test_an_unopened_archive_of_omniglot_is_told(tmp_path: Path) -> None:
    (tmp_path / "omniglot.tar.gz").touch()
    with pytest.raises(DataError, match=r"unpack what lies there unopened: omniglot\.tar\.gz"):
        load_omniglot(tmp_path, n_classes=2)


def test_links_in_a_circle_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "itself").symlink_to(".")
    with pytest.raises(DataError, match="no Omniglot in"):
        load_omniglot(tmp_path, n_classes=2)
    with pytest.raises(DataError, match="no mini-ImageNet in"):
        load_miniimagenet(tmp_path, expected=EXPECTED)


def test_parts_without_drawings_are_told(tmp_path: Path) -> None:
    for part in PARTS:
        (tmp_path / part).mkdir()
    (tmp_path / PARTS[0] / "images.zip").touch()
    with pytest.raises(DataError, match=r"no ALPHABET.* lies in .*unopened: images\.zip"):
        load_omniglot(tmp_path, n_classes=2)


@pytest.mark.parametrize(
    "folder",
    ["MiniImageNet", "mini_imagenet", "mini-imagenet", "miniImagenet/mini_imagenet"],
)
def test_mini_imagenet_is_found(tmp_path: Path, folder: str) -> None:
    mini_copies.make_flat(tmp_path / "root" / folder)
    found = load_miniimagenet(tmp_path / "root", expected=EXPECTED)
    assert found.classes == EXPECTED.classes


@pytest.mark.parametrize("header", ["Label,FileName", " index, label ,filename"])
def test_headers_in_other_case_and_order(tmp_path: Path, header: str) -> None:
    flat = mini_copies.make_flat(tmp_path / "flat")
    expected = load_miniimagenet(flat, expected=EXPECTED).fingerprint
    extra = "7," if header.startswith(" index") else ""
    for part in EXPECTED.parts:
        rows = [line.split(",") for line in (flat / f"{part}.csv").read_text().splitlines()[1:]]
        lines = [header, *(f"{extra}{label},{name}" for name, label in rows)]
        (flat / f"{part}.csv").write_text("\n".join(lines))
    assert load_miniimagenet(flat, expected=EXPECTED).fingerprint == expected


def test_mini_imagenet_that_lies_elsewhere_is_told(tmp_path: Path) -> None:
    mini_copies.make_flat(tmp_path / "some" / "where")
    with pytest.raises(DataError, match=rf"it seems to lie in {tmp_path}/some/where: pass --data"):
        load_miniimagenet(tmp_path, expected=EXPECTED)
    with pytest.raises(DataError, match=rf"it seems to lie in {tmp_path}/some/where: pass --data"):
        load_miniimagenet(tmp_path / "some" / "where" / "images", expected=EXPECTED)


def test_an_unopened_archive_of_mini_imagenet_is_told(tmp_path: Path) -> None:
    flat = mini_copies.make_flat(tmp_path / "MiniImageNet")
    shutil.rmtree(flat / "images")
    (flat / "images.zip").touch()
    (flat / "images_background.zip").touch()  # of Omniglot
    with pytest.raises(DataError, match=r"no images/ beside them; unpack .* images\.zip"):
        load_miniimagenet(tmp_path, expected=EXPECTED)
    for path in flat.glob("*.csv"):
        path.unlink()
    with pytest.raises(DataError, match=r"^no mini-ImageNet in .*unopened: images\.zip\n"):
        load_miniimagenet(tmp_path, expected=EXPECTED)
