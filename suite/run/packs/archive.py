"""A pack, the file that trainings travel in: a zip of uncompressed members with a manifest.

It is read with distrust. A reader extracts nothing by name: it asks for the members that a manifest
may name, and refuses a file that has any other member, or a compressed one.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from suite.errors import SuiteError, UsageError, one_line
from suite.files import atomic_path, open_regular
from suite.machine.failures import is_memory
from suite.parsing import parsed

LAST, BEST = "checkpoint.pt", "checkpoint.best.pt"
"""The names of a training's files: its last checkpoint, and that of its curve's best point."""

_FORMAT = 1
_MANIFEST = "manifest.json"
_MOST_MANIFEST_BYTES = 2**24
_MOST_BYTES = 2**26  # of a member; the largest of the paper's have three million
_MOST_TRAININGS = 10_000
_MOST_DIRECTORY_BYTES = 2**22
_END, _END_BYTES, _LARGE, _LARGE_BYTES = b"PK\5\6", 22, b"PK\6\7", 20
_NAME = re.compile(r"[0-9a-f]{12}(-rerun[1-9][0-9]{0,3})?")


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Member(_Part, frozen=True, kw_only=True):
    """A file of a training."""

    bytes: int
    sha256: str


class Entry(_Part, frozen=True, kw_only=True):
    """What a pack's manifest says of one training."""

    training: str
    """Its name: see `suite.run.checkpoint.Training`."""
    title: str
    iteration: int
    iterations: int
    members: dict[str, Member]
    """`LAST`, and `BEST` where there is one."""


class _Manifest(_Part, frozen=True, kw_only=True):
    format: int
    trainings: tuple[Entry, ...]


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A pack that is open for reading."""

    entries: tuple[Entry, ...]
    _archive: zipfile.ZipFile

    def members(self, entry: Entry) -> dict[str, bytes]:
        """The files of a training by name; a `ValueError` where one differs from the manifest."""
        found = {}
        for name, member in entry.members.items():
            data = self._archive.read(_path(entry.training, name))
            if hashlib.sha256(data).hexdigest() != member.sha256:
                raise ValueError(f"{name} of {entry.training} is damaged")
            found[name] = data
        return found


def write_pack(path: Path, trainings: Iterable[tuple[Entry, Mapping[str, bytes]]]) -> int:
    """Write the trainings, with their files, to `path` in one step; returns the size in bytes.

    Equal trainings give equal bytes. The `members` of each entry are filled in from its files.
    """
    entries = []
    with atomic_path(path) as temporary:
        with _small(path), zipfile.ZipFile(temporary, "w", allowZip64=False) as archive:
            for entry, files in trainings:
                members = {name: _member(data) for name, data in files.items()}
                entries.append(msgspec.structs.replace(entry, members=members))
                for name, data in files.items():
                    archive.writestr(zipfile.ZipInfo(_path(entry.training, name)), data)
            manifest = _Manifest(format=_FORMAT, trainings=tuple(entries))
            text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
            archive.writestr(zipfile.ZipInfo(_MANIFEST), text)
        return temporary.stat().st_size


@contextmanager
def _small(path: Path) -> Iterator[None]:
    try:
        yield
    except zipfile.LargeZipFile as error:
        raise UsageError(f"{path} would have more than 4 GB: name the runs to pack") from error


@contextmanager
def opened_pack(path: Path) -> Iterator[Pack]:
    """Open the pack at `path` for reading; no code in it is run.

    Raises `UsageError` where the file is no pack, is damaged, or holds anything else.
    """
    try:
        with open_regular(path) as file:
            _require_short_directory(file)
            with zipfile.ZipFile(file) as archive:
                yield Pack(entries=_entries(archive), _archive=archive)
    except SuiteError:
        raise
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}; write one with: suite pack {path}") from error
    except Exception as error:  # a torn file fails in any way
        if is_memory(error):
            raise
        message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = " ".join(message.split())[:200] or type(error).__name__
        raise UsageError(
            one_line(f"{path} is no sound pack ({reason}); bring it again, or: suite pack FILE")
        ) from error


def _require_short_directory(file: BinaryIO) -> None:
    """Raise `ValueError` where the list of members, which is read as a whole, would be long."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_BYTES - _LARGE_BYTES))
    tail = file.read()
    end = tail[-_END_BYTES:]
    if not end.startswith(_END) or tail[:-_END_BYTES].startswith(_LARGE):
        raise ValueError("it does not end as a pack does")
    if int.from_bytes(end[12:16], "little") > _MOST_DIRECTORY_BYTES:
        raise ValueError("it has too many members")


def _entries(archive: zipfile.ZipFile) -> tuple[Entry, ...]:
    found = {each.filename: each for each in archive.infolist()}
    if len(found) != len(archive.infolist()):
        raise ValueError("two of its members have one name")
    if _MANIFEST not in found or found[_MANIFEST].file_size > _MOST_MANIFEST_BYTES:
        raise ValueError(f"it has no {_MANIFEST}, or a huge one")
    for each in found.values():
        if each.compress_type != zipfile.ZIP_STORED or each.file_size != each.compress_size:
            raise ValueError(f"{each.filename} is compressed")
    manifest = parsed(archive.read(_MANIFEST), _Manifest)
    if manifest.format != _FORMAT:
        raise ValueError(f"format {manifest.format}, and this suite reads {_FORMAT}")
    entries = manifest.trainings
    sizes = {
        _path(entry.training, name): member.bytes
        for entry in entries
        for name, member in entry.members.items()
    }
    if len(entries) > _MOST_TRAININGS or len({each.training for each in entries}) != len(entries):
        raise ValueError("too many trainings, or one twice")
    for entry in entries:
        if not _NAME.fullmatch(entry.training) or not {LAST} <= set(entry.members) <= {LAST, BEST}:
            raise ValueError(f"'{entry.training}' is no training with its checkpoints")
    if {name: each.file_size for name, each in found.items() if name != _MANIFEST} != sizes:
        raise ValueError(f"its members are not those that its {_MANIFEST} names")
    if sizes and max(sizes.values()) > _MOST_BYTES:
        raise ValueError(f"a member has more than {_MOST_BYTES:,} bytes")
    return entries


def _path(training: str, member: str) -> str:
    return f"{training}/{member}"


def _member(data: bytes) -> Member:
    return Member(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
