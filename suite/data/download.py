"""Download the files of a data set; what was received stays, and the next call goes on there."""

import hashlib
import http.client
import logging
import math
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from suite.data.images import Progress
from suite.errors import DataError, one_line
from suite.files import cache_dir
from suite.settings.datasets import DATA_SETS
from suite.settings.downloads import RemoteFile

log = logging.getLogger(__name__)

CHUNK = 1 << 20
TIMEOUT = 30.0  # seconds without a byte
UNFINISHED = ".part"
"""The folder, in that of the data set, of what is not whole or not yet needed."""


def fetch(name: str, *, progress: Progress | None = None) -> None:
    """Download what the cache lacks of the files of the data set `name`.

    A file is compared with its checksum, and all are moved into the folder of the data set at the
    end, since some of them are no copy. Raises `DataError`, which names the command that goes on.
    """
    entry, folder = DATA_SETS[name], cache_dir() / name
    files = _files(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            missing = [file for file in files if not (folder / file.name).exists()]
            if not missing:  # another process fetched them while this one waited
                return
            unfinished = folder / UNFINISHED
            unfinished.mkdir(exist_ok=True)
            terms = f"; it is {entry.terms}" if entry.terms else ""
            log.info("downloading %s to %s%s", entry.title, folder, terms)
            for file in missing:
                _complete(file, unfinished / file.name, progress)
            for file in missing:
                (unfinished / file.name).replace(folder / file.name)
            shutil.rmtree(unfinished, ignore_errors=True)
    except (DataError, OSError) as error:
        raise DataError(f"{error}; to go on: suite data {name}") from error


def received(name: str) -> int:
    """How many bytes of the files of a data set are in the cache."""
    folder = cache_dir() / name
    places = (folder, folder / UNFINISHED)
    return sum(_size(place / file.name) for file in _files(name) for place in places)


def by_hand(name: str) -> str:
    """What to do where the files cannot be downloaded from here."""
    download = DATA_SETS[name].download
    page = download.page if download else ""
    names = " and ".join(file.name for file in _files(name))
    return f"download {names} from {page} into a directory DIR and pass --data DIR"


def _files(name: str) -> tuple[RemoteFile, ...]:
    download = DATA_SETS[name].download
    return download.files if download else ()


def _complete(file: RemoteFile, path: Path, progress: Progress | None) -> None:
    """Bring `path` to the whole of `file`, by the first mirror that has it."""
    failed: list[str] = []
    for url in file.urls:
        try:
            _from_mirror(url, file, path, progress)
            return
        except (DataError, OSError, http.client.HTTPException) as error:
            failed.append(f"{url} ({one_line(str(error))[:200]})")
    raise DataError(f"cannot download {', '.join(failed)}")


def _from_mirror(url: str, file: RemoteFile, path: Path, progress: Progress | None) -> None:
    """Take up a connection that breaks off for as long as each attempt brings bytes."""
    anew = not path.exists()
    while True:
        before = _size(path)
        try:
            if before < file.size:
                _receive(url, file, path, progress)
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            if _size(path) <= before:
                raise
            log.info("%s broke off (%s); going on", url, error)
            continue
        found = _checksum(path, file.checksum.partition(":")[0])
        if found == file.checksum:
            return
        path.unlink()
        if anew:
            raise DataError(f"it has {found}, not {file.checksum}")
        anew = True  # what was here may have been the beginning of another file


def _receive(url: str, file: RemoteFile, path: Path, progress: Progress | None) -> None:
    """One attempt: from where `path` ends, or from the start where the server gives no parts."""
    have = _size(path)
    request = urllib.request.Request(url, headers={"User-Agent": "maml-suite"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if response.headers.get_content_type() == "text/html":
            raise DataError("it is a web page, not the file")
        if response.status != 206:
            have = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise DataError(f"asked for the bytes from {have:,} on, it sent others")
        if response.length is not None and have + response.length != file.size:
            raise DataError(f"it has {have + response.length:,} bytes, not {file.size:,}")
        chunks: Iterator[bytes] = iter(lambda: response.read(CHUNK), b"")
        left = math.ceil((file.size - have) / CHUNK)
        with path.open("ab" if have else "wb") as out:
            for chunk in progress(chunks, f"{file.name}, MiB", left) if progress else chunks:
                have += len(chunk)
                if have > file.size:
                    raise DataError(f"it has more than {file.size:,} bytes")
                out.write(chunk)
    if have < file.size:
        raise ConnectionError(f"{have:,} of {file.size:,} bytes received")


def _checksum(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{digest.hexdigest()}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
