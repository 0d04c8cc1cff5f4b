"""Fetch large files over HTTP; what was received stays, and the next attempt asks for the rest."""

import contextlib
import hashlib
import http.client
import logging
import math
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import msgspec

from suite.data.images import Progress
from suite.errors import DataError
from suite.files import read_regular
from suite.parsing import NotJson, parsed

log = logging.getLogger(__name__)

CHUNK = 1 << 20
TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A file on a mirror; size and sha256 are checked where they are known."""

    url: str
    name: str
    size: int | None = None
    sha256: str | None = None


class _About(msgspec.Struct, frozen=True):
    """What the server said of the file that is partly here."""

    total: int | None = None
    """Its bytes."""
    validator: str | None = None


def download(remote: Remote, directory: Path, *, progress: Progress | None = None) -> Path:
    """Fetch `remote` into `directory`, unless it is there. Returns its path.

    A connection that breaks off is taken up again for as long as each attempt brings bytes. Raises
    `DataError` where it brings none, and where the file is not the one that is wanted.
    """
    target = directory / remote.name
    if target.exists():
        return target
    directory.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{remote.name}.partial")
    about = target.with_name(f"{remote.name}.partial.json")
    while True:
        before = _size(partial)
        try:
            _fetch(remote, partial, about, progress)
            break
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            if isinstance(error, urllib.error.HTTPError):
                error.close()
                if error.code == 416:  # more than the file holds: the next call starts anew
                    partial.unlink(missing_ok=True)
            if _size(partial) <= before:
                reason = " ".join(str(error).split())[:200]
                raise DataError(f"cannot download {remote.url} ({reason})") from error
            log.info("%s broke off (%s); going on", remote.url, error)
    _verify(remote, partial)
    partial.replace(target)
    about.unlink(missing_ok=True)
    return target


def _fetch(remote: Remote, partial: Path, about: Path, progress: Progress | None) -> None:
    """One attempt: from where `partial` ends, where the server agrees, else from the start."""
    have, known = _size(partial), _about(about)
    if have and have == known.total:
        return
    request = urllib.request.Request(remote.url, headers={"User-Agent": "maml-suite"})
    if have and known.validator is not None:  # else it might be the rest of another file
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known.validator)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        headers = response.headers
        if headers.get_content_type() == "text/html":
            raise DataError(f"{remote.url} gives a web page, not the file")
        if response.status != 206:
            have = 0
        elif not headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise OSError(f"asked for the bytes from {have}, got {headers.get('Content-Range')}")
        length = headers.get("Content-Length")
        total = have + int(length) if length else remote.size
        if remote.size not in (None, total):
            raise DataError(f"{remote.url} has {total:,} bytes, not {remote.size:,}")
        about.write_bytes(msgspec.json.encode(_About(total, _validator(headers))))
        chunks: Iterator[bytes] = iter(lambda: response.read(CHUNK), b"")
        left = math.ceil(((total or have) - have) / CHUNK)
        with partial.open("ab" if have else "wb") as file:
            for chunk in progress(chunks, f"{remote.name}, MiB", left) if progress else chunks:
                file.write(chunk)
    if total is not None and _size(partial) != total:
        raise ConnectionError(f"{_size(partial):,} of {total:,} bytes received")


def _verify(remote: Remote, partial: Path) -> None:
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if remote.sha256 is None:
        log.info("%s has sha256 %s; none is known to compare it with", remote.name, digest)
    elif digest != remote.sha256:
        partial.unlink()
        raise DataError(f"{remote.url} has sha256 {digest}, not {remote.sha256}; it was removed")


def _validator(headers: Message) -> str | None:
    """What tells this file from a later one of the same address."""
    tag = headers.get("ETag", "")
    strong = None if tag.startswith("W/") else tag
    return strong or headers.get("Last-Modified") or None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _about(path: Path) -> _About:
    with contextlib.suppress(OSError, NotJson):
        return parsed(read_regular(path, CHUNK), _About)
    return _About()
