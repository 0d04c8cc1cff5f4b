"""A disk or mount that fails below a data set: that is told, and no other copy is asked for."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from suite.data import omniglot
from suite.data.miniimagenet.reader import load_miniimagenet
from suite.data.unreadable import remedy
from suite.errors import DataError
from tests.data import mini_copies

BAD = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT)
TOLD = r"^cannot read \S+.* \(.+\): its disk or mount has failed; when that is back, give the same"
COPIES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "images": (mini_copies.make_flat, ".jpg"),
    "a table": (mini_copies.make_flat, "val.csv"),
    "images in folders": (mini_copies.make_folders, ".jpg"),
    "pickles": (mini_copies.make_pickles, ".pkl"),
    "tars": (lambda place: mini_copies.make_ilsvrc(place, tars=True), ".tar"),
}


def _fail(patch: pytest.MonkeyPatch, ending: str, number: int) -> None:
    opened = os.open

    def failing(path: str, flags: int, *rest: int, **others: int) -> int:
        if str(path).endswith(ending):
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, flags, *rest, **others)

    patch.setattr(os, "open", failing)


@pytest.mark.parametrize("number", BAD)
@pytest.mark.parametrize("case", COPIES)
def test_mini_imagenet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, number: int
) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    make, ending = COPIES[case]
    place = make(tmp_path / "copy")
    with monkeypatch.context() as patch:
        _fail(patch, ending, number)
        with pytest.raises(DataError, match=TOLD) as caught:
            load_miniimagenet(place, expected=mini_copies.EXPECTED)
    assert "\n" not in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    load_miniimagenet(place, expected=mini_copies.EXPECTED)


@pytest.mark.parametrize("number", BAD)
@pytest.mark.parametrize("name", ["0001_01.png", "images_background.zip"])
def test_omniglot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    for part in omniglot.PARTS:
        if name.endswith(".zip"):
            (tmp_path / "copy").mkdir(exist_ok=True)
            (tmp_path / "copy" / f"{part}.zip").touch()
            continue
        alphabet = "Greek" if part == omniglot.PARTS[0] else "Oriya"
        character = tmp_path / "copy" / "omniglot" / part / alphabet / "character01"
        character.mkdir(parents=True)
        for drawing in range(1, 21):
            (character / f"0001_{drawing:02}.png").touch()
    _fail(monkeypatch, name, number)
    with pytest.raises(DataError, match=TOLD) as caught:
        omniglot.load_omniglot(tmp_path / "copy", n_classes=2)
    assert "\n" not in str(caught.value)


def test_what_may_not_be_read_needs_a_right_and_what_is_damaged_another_copy() -> None:
    assert remedy(PermissionError(errno.EACCES, "Permission denied")) == "let this user read it"
    assert remedy(OSError("image file is truncated")) is None
    assert remedy(OSError(errno.EINVAL, "not a regular file")) is None
    assert remedy(ValueError("no")) is None
