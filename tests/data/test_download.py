"""A download that breaks off goes on where it was; a wrong file never takes its place."""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pytest

from suite.data import download as module
from suite.data.download import fetch, received
from suite.data.miniimagenet.reader import load_miniimagenet
from suite.errors import DataError
from suite.files import cache_dir
from suite.settings import DATA_SETS
from suite.settings.downloads import Download
from tests.data import mini_copies
from tests.data.mini_copies import EXPECTED
from tests.data.mirror import Mirror

T = TypeVar("T")
Publish = Callable[..., Path]
DATA = bytes(range(256)) * 40
NAME = "omniglot"


@pytest.fixture(autouse=True)
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA", raising=False)


@pytest.fixture
def publish(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Let the data set be downloaded from the mirror: `file.bin` of DATA, unless given others."""

    def published(download: Download | None = None, name: str = NAME) -> Path:
        mirror.files = mirror.files or {"file.bin": DATA}
        entry = dataclasses.replace(DATA_SETS[name], download=download or mirror.download())
        monkeypatch.setitem(DATA_SETS, name, entry)
        return cache_dir() / name

    return published


def test_a_file_is_fetched_once_and_checked(mirror: Mirror, publish: Publish) -> None:
    folder = publish()
    fetch(NAME)
    assert (folder / "file.bin").read_bytes() == DATA
    fetch(NAME)
    assert mirror.asked == [None]
    assert {path.name for path in folder.iterdir()} <= {"file.bin", ".lock"}


def test_a_connection_that_breaks_off_is_taken_up_again(mirror: Mirror, publish: Publish) -> None:
    folder = publish()
    mirror.cut_after = [3000, 2500]
    fetch(NAME)
    assert (folder / "file.bin").read_bytes() == DATA
    assert mirror.asked == [None, "bytes=3000-", "bytes=5500-"]


def test_what_an_earlier_process_received_is_kept(mirror: Mirror, publish: Publish) -> None:
    folder = publish()
    mirror.cut_after = [3000, 0]
    with pytest.raises(DataError) as caught:
        fetch(NAME)
    assert str(caught.value) == (
        f"cannot download {mirror.url('file.bin')} (3,000 of 10,240 bytes received); "
        "to go on: suite data omniglot"
    )
    assert received(NAME) == 3000
    assert not (folder / "file.bin").exists()
    fetch(NAME)
    assert (folder / "file.bin").read_bytes() == DATA
    assert received(NAME) == len(DATA)
    assert mirror.asked == [None, "bytes=3000-", "bytes=3000-"]


def test_what_is_here_of_another_file_is_not_built_upon(mirror: Mirror, publish: Publish) -> None:
    folder = publish()
    (folder / ".part").mkdir(parents=True)
    (folder / ".part" / "file.bin").write_bytes(DATA[::-1][:3000])
    fetch(NAME)
    assert (folder / "file.bin").read_bytes() == DATA
    assert mirror.asked == ["bytes=3000-", None]


@pytest.mark.parametrize("extra", [0, 5])
def test_a_whole_file_is_checked_before_it_is_used(
    mirror: Mirror, publish: Publish, extra: int
) -> None:
    folder = publish()
    (folder / ".part").mkdir(parents=True)
    (folder / ".part" / "file.bin").write_bytes(DATA + bytes(extra))
    fetch(NAME)
    assert (folder / "file.bin").read_bytes() == DATA
    assert len(mirror.asked) == (extra > 0)


@pytest.mark.parametrize("lengths", [True, False])
def test_a_server_without_ranges_sends_it_all_again(
    mirror: Mirror, publish: Publish, lengths: bool
) -> None:
    folder = publish()
    mirror.ranges, mirror.lengths = False, lengths
    mirror.cut_after = [3000]
    fetch(NAME)
    assert (folder / "file.bin").read_bytes() == DATA


def test_the_next_mirror_goes_on_where_the_one_before_stopped(
    mirror: Mirror, publish: Publish
) -> None:
    mirror.files = {"file.bin": DATA}
    folder = publish(mirror.download(file_bin=("gone.bin", "a/file.bin", "b/file.bin")))
    mirror.files = {"a/file.bin": DATA, "b/file.bin": DATA}
    mirror.cut_after = [3000, 0]
    fetch(NAME)
    assert (folder / "file.bin").read_bytes() == DATA
    assert mirror.asked == [None, None, "bytes=3000-", "bytes=3000-"]


def test_where_no_mirror_has_it_each_says_why(mirror: Mirror, publish: Publish) -> None:
    mirror.files = {"file.bin": DATA}
    folder = publish(mirror.download(file_bin=("wrong", "short", "long", "gone")))
    mirror.files = {"wrong": DATA[::-1], "short": DATA[:5], "long": DATA * 2}
    with pytest.raises(DataError) as caught:
        fetch(NAME)
    told = str(caught.value)
    assert told.isprintable()
    assert "/wrong (it has sha256:" in told
    assert "/short (it has 5 bytes, not 10,240)" in told
    assert "/long (it has 20,480 bytes, not 10,240)" in told
    assert "/gone (HTTP Error 404" in told
    assert told.endswith("; to go on: suite data omniglot")
    assert received(NAME) == 0
    assert not (folder / "file.bin").exists()


def test_a_file_without_end_is_not_written_down(mirror: Mirror, publish: Publish) -> None:
    publish()
    mirror.files["file.bin"] = DATA * 50
    mirror.lengths = False
    with pytest.raises(DataError, match=r"it has more than 10,240 bytes"):
        fetch(NAME)
    assert received(NAME) <= len(DATA)


def test_a_web_page_is_no_file(mirror: Mirror, publish: Publish) -> None:
    publish()
    mirror.content_type = "text/html; charset=utf-8"
    with pytest.raises(DataError, match=r"it is a web page, not the file"):
        fetch(NAME)


def test_a_checksum_may_be_an_md5(mirror: Mirror, publish: Publish) -> None:
    mirror.files = {"file.bin": b"abc"}
    (file,) = mirror.download().files
    md5 = "md5:900150983cd24fb0d6963f7d28e17f72"  # RFC 1321
    folder = publish(Download(page="", files=(dataclasses.replace(file, checksum=md5),)))
    fetch(NAME)
    assert (folder / "file.bin").read_bytes() == b"abc"


def test_no_file_takes_its_place_before_all_are_whole(mirror: Mirror, publish: Publish) -> None:
    mirror.files = {"a": DATA, "b": DATA}
    folder = publish()
    del mirror.files["b"]
    with pytest.raises(DataError, match="404"):
        fetch(NAME)
    assert not (folder / "a").exists()
    mirror.files["b"] = DATA
    fetch(NAME)
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes() == DATA
    assert len(mirror.asked) == 3


def test_a_cache_that_cannot_be_written_to_is_told(publish: Publish) -> None:
    folder = publish()
    folder.parent.mkdir()
    folder.write_text("a file")
    with pytest.raises(DataError, match=r"omniglot'; to go on: suite data omniglot$"):
        fetch(NAME)


def test_progress_counts_what_is_left(mirror: Mirror, publish: Publish) -> None:
    totals: list[int] = []

    def progress(items: Iterable[T], description: str, total: int) -> Iterable[T]:
        totals.append(total)
        return items

    publish()
    mirror.cut_after = [3000]
    fetch(NAME, progress=progress)
    assert totals == [11, 8]


def test_without_a_copy_mini_imagenet_is_fetched_once(
    mirror: Mirror, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = mini_copies.make_pickles(tmp_path / "served")
    mirror.files = {path.name: path.read_bytes() for path in place.iterdir()}
    publish(name="miniimagenet")
    monkeypatch.setattr(module, "CHUNK", 1 << 20)
    mirror.cut_after = [1000]
    expected = load_miniimagenet(place, expected=EXPECTED).fingerprint
    assert load_miniimagenet(None, expected=EXPECTED).fingerprint == expected
    assert load_miniimagenet(None, expected=EXPECTED).fingerprint == expected
    assert len(mirror.asked) == 4


def test_a_failed_download_of_mini_imagenet_says_how_to_do_it_by_hand(
    mirror: Mirror, publish: Publish
) -> None:
    publish(name="miniimagenet")
    mirror.files = {"other": DATA}
    with pytest.raises(DataError, match=r"^no mini-ImageNet at hand, and .*404") as caught:
        load_miniimagenet(None, expected=EXPECTED)
    lines = str(caught.value).splitlines()
    assert len(lines) == 7
    assert lines[0].endswith("to go on: suite data miniimagenet")
    assert "SUITE_DATA=DIR" in lines[1]
    assert not list((cache_dir() / "miniimagenet").glob("*.pkl"))
