"""A download that breaks off goes on where it was; a wrong file never takes its place."""

import hashlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import mini_copies
import pytest
from mini_copies import EXPECTED

from suite.data import download as module
from suite.data.download import Remote, download
from suite.data.miniimagenet import reader as miniimagenet
from suite.data.miniimagenet.reader import load_miniimagenet
from suite.errors import DataError
from suite.files import cache_dir

T = TypeVar("T")
DATA = bytes(range(256)) * 40


@dataclass
class Mirror:
    """What a local server serves, how it fails, and what it was asked for."""

    files: dict[str, bytes]
    port: int = 0
    cut_after: list[int] = field(default_factory=list)
    """How many bytes of a body each of the next requests gets."""
    ranges: bool = True
    etag: str | None = '"1"'
    content_type: str = "application/octet-stream"
    asked: list[str | None] = field(default_factory=list)

    def remote(self, name: str = "file.bin", **known: object) -> Remote:
        return Remote(url=f"http://127.0.0.1:{self.port}/{name}", name=name, **known)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    def __init__(self, mirror: Mirror, *arguments: object) -> None:
        self.mirror = mirror
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        mirror, wanted = self.mirror, self.headers.get("Range")
        mirror.asked.append(wanted)
        data = mirror.files.get(self.path[1:])
        if data is None:
            self.send_error(404)
            return
        start = 0
        current = mirror.etag is None or self.headers.get("If-Range") in (None, mirror.etag)
        if wanted and mirror.ranges and current:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("Content-Type", mirror.content_type)
        if mirror.etag:
            self.send_header("ETag", mirror.etag)
        self.end_headers()
        cut = mirror.cut_after.pop(0) if mirror.cut_after else len(data)
        self.wfile.write(data[start : start + cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setattr(module, "CHUNK", 1000)
    monkeypatch.setenv("no_proxy", "*")
    mirror = Mirror(files={"file.bin": DATA})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, mirror)) as server:
        mirror.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield mirror
        server.shutdown()
        thread.join()


def test_a_file_is_fetched_once_and_checked(mirror: Mirror, tmp_path: Path) -> None:
    remote = mirror.remote(size=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())
    path = download(remote, tmp_path)
    assert path.read_bytes() == DATA
    assert download(remote, tmp_path) == path
    assert mirror.asked == [None]
    assert list(tmp_path.iterdir()) == [path]


def test_a_connection_that_breaks_off_is_taken_up_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_after = [3000, 2500]
    assert download(mirror.remote(), tmp_path).read_bytes() == DATA
    assert mirror.asked == [None, "bytes=3000-", "bytes=5500-"]


def test_what_an_earlier_process_received_is_kept(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_after = [3000, 0]
    with pytest.raises(DataError, match=r"^cannot download http://.*3,000 of 10,240 bytes"):
        download(mirror.remote(), tmp_path)
    assert not (tmp_path / "file.bin").exists()
    assert download(mirror.remote(), tmp_path).read_bytes() == DATA
    assert mirror.asked == [None, "bytes=3000-", "bytes=3000-"]


@pytest.mark.parametrize("etag", ['"2"', None, 'W/"1"'])
def test_a_file_that_may_have_changed_is_fetched_from_the_start(
    mirror: Mirror, tmp_path: Path, etag: str | None
) -> None:
    if etag != '"2"':
        mirror.etag = etag
    mirror.cut_after = [3000, 0]
    with pytest.raises(DataError, match="cannot download"):
        download(mirror.remote(), tmp_path)
    mirror.etag = etag
    mirror.files["file.bin"] = DATA[::-1]
    assert download(mirror.remote(), tmp_path).read_bytes() == DATA[::-1]


def test_a_server_without_ranges_sends_it_all_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.ranges = False
    mirror.cut_after = [3000]
    assert download(mirror.remote(), tmp_path).read_bytes() == DATA


def test_a_file_that_became_shorter_is_started_anew(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_after = [3000, 0]
    with pytest.raises(DataError, match="cannot download"):
        download(mirror.remote(), tmp_path)
    mirror.files["file.bin"] = DATA[:2000]
    with pytest.raises(DataError, match=r"cannot download .*416"):
        download(mirror.remote(), tmp_path)
    assert download(mirror.remote(), tmp_path).read_bytes() == DATA[:2000]


def test_a_wrong_sha256_is_refused_and_removed(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has sha256 [0-9a-f]{64}, not 00; it was removed$"):
        download(mirror.remote(sha256="00"), tmp_path)
    assert not list(tmp_path.glob("file.bin*[!n]"))


def test_a_wrong_size_and_a_web_page_are_refused(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has 10,240 bytes, not 5$"):
        download(mirror.remote(size=5), tmp_path)
    mirror.content_type = "text/html; charset=utf-8"
    with pytest.raises(DataError, match=r"gives a web page, not the file$"):
        download(mirror.remote(), tmp_path)
    with pytest.raises(DataError, match=r"cannot download .*/other \(HTTP Error 404"):
        download(mirror.remote("other"), tmp_path)


def test_progress_counts_what_is_left(mirror: Mirror, tmp_path: Path) -> None:
    totals: list[int] = []

    def progress(items: Iterable[T], description: str, total: int) -> Iterable[T]:
        totals.append(total)
        return items

    mirror.cut_after = [3000]
    download(mirror.remote(), tmp_path, progress=progress)
    assert totals == [11, 8]


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA", raising=False)


@pytest.mark.usefixtures("no_data")
def test_without_a_copy_mini_imagenet_is_fetched_once(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = mini_copies.make_pickles(tmp_path / "served")
    mirror.files = {path.name: path.read_bytes() for path in place.iterdir()}
    monkeypatch.setattr(miniimagenet, "REMOTES", [mirror.remote(name) for name in mirror.files])
    monkeypatch.setattr(module, "CHUNK", 1 << 20)
    mirror.cut_after = [1000]
    expected = load_miniimagenet(place, expected=EXPECTED).fingerprint
    assert load_miniimagenet(None, expected=EXPECTED).fingerprint == expected
    assert load_miniimagenet(None, expected=EXPECTED).fingerprint == expected
    assert len(mirror.asked) == 4


@pytest.mark.usefixtures("no_data")
def test_a_failed_download_says_how_to_do_it_by_hand(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(miniimagenet, "REMOTES", [mirror.remote("gone.pkl")])
    with pytest.raises(DataError, match=r"^no mini-ImageNet at hand, and .*404") as caught:
        load_miniimagenet(None, expected=EXPECTED)
    lines = str(caught.value).splitlines()
    assert len(lines) == 7
    assert "SUITE_DATA=DIR" in lines[1]
    assert not list((cache_dir() / "miniimagenet").glob("*.pkl"))
