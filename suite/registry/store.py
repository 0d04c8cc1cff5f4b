"""The registry: one JSON file a run below `results/`. The one place that writes results."""

import gc
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock

from suite.errors import RegistryError, one_line
from suite.files import atomic_write, disk_of, read_regular, remove_leftovers
from suite.parsing import NotJson, parsed, schema_of
from suite.registry.key import run_key
from suite.registry.merged import merge_leftover, repeated_name
from suite.registry.plausible import unhashable
from suite.registry.schema import SCHEMA_VERSION, Record
from suite.registry.seen import Seen
from suite.registry.summary import contradiction

log = logging.getLogger(__name__)

DEFAULT_ROOT = Path("results")


_MOST_BYTES = 2**28  # a record of 6,000 tasks has two million
_DEPTH = 2  # of the folders of methods


def encode(record: Record) -> bytes:
    """The record as JSON: keys sorted, one top-level field a line, a newline last.

    Raises `RegistryError` where a number is not finite, which JSON cannot say, where its parts
    contradict one another, and where its protocol cannot have given what it holds.
    """
    fields = msgspec.to_builtins(record)
    try:
        lines = [
            b"%s: %s"
            % (msgspec.json.encode(name), msgspec.json.encode(fields[name], order="sorted"))
            for name in sorted(fields)
        ]
        data = b"{\n" + b",\n".join(lines) + b"\n}\n"
        same = msgspec.json.decode(data, type=Record) == record
    except (msgspec.ValidationError, UnicodeEncodeError):
        same = False
    if not same:
        raise RegistryError(
            f"record {record.key} of {record.setting}/{record.method} does not survive JSON: a "
            "number in it is not finite, a text is not UTF-8, or a field has the wrong type"
        )
    if reason := contradiction(record):
        raise RegistryError(
            one_line(f"record {record.key} of {record.setting}/{record.method}: {reason}")
        )
    return data


def decode(data: bytes, name: str, *, known: bool = False) -> Record:
    """The record in `data`; `name` is the file's, for the message of a `RegistryError`.

    Where it is `known` to be good, neither key nor outcomes are checked once more.
    """
    try:
        record = parsed(data, Record)
    except NotJson as error:
        known_reason = _version_reason(schema_of(data)) or merge_leftover(data)
        raise _refusal(name, known_reason or f"not a record: {error}") from error
    reason = _version_reason(record.schema)
    if not (reason or known):
        reason = _edited(record) or repeated_name(data)
    if reason:
        raise _refusal(name, reason)
    return record


def _edited(record: Record) -> str | None:
    if reason := unhashable(record):
        return reason
    key = run_key(record)
    if key != record.key:
        return (
            f"its key {record.key} is not that of its contents ({key}): "
            "it was edited by hand; restore it or run it again"
        )
    reason = contradiction(record)
    return reason and f"{reason}: it was edited by hand; restore it or run it again"


def _version_reason(version: int | None) -> str | None:
    """What is wrong with the number of a schema; None where that is not it, or there is none."""
    if version is None:
        return None
    if version < 1:
        return f"there is no schema {version}"
    if version > SCHEMA_VERSION:
        return (
            f"schema {version} is newer than this suite's {SCHEMA_VERSION}; "
            "update with: git pull && python -m pip install ."
        )
    return None


def _refusal(name: str, reason: str) -> RegistryError:
    """The error as one line, whatever a file that was tampered with makes the decoder quote."""
    return RegistryError(one_line(f"{name}: {reason}"))


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Within, garbage is not collected.

    Ten thousand records hold tens of millions of numbers and no cycle, and the collector would look
    through them again and again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Registry:
    """The records below `root`.

    A `lenient` one names bad records in the log and hands over the others.
    """

    def __init__(self, root: Path | str = DEFAULT_ROOT, *, lenient: bool = False) -> None:
        self.root = Path(root)
        self._lenient = lenient

    def path(self, record: Record) -> Path:
        """Where `record` lies, or would lie."""
        suffix = f"-attempt{record.attempt}" if record.attempt else ""
        name = f"seed-{record.seed}-{record.key}{suffix}.json"
        return self.root / record.setting / record.method / name

    def exists(self) -> bool:
        """Whether the registry has a folder; a `RegistryError` where that cannot be known."""
        try:
            self.root.lstat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise RegistryError(f"cannot read {self.root}: {error.strerror}") from error
        return True

    def paths(self) -> list[Path]:
        """All files of the registry, sorted; a `RegistryError` where a folder cannot be listed.

        Beside the records they are what seems to be one in the wrong place, which `read` refuses: a
        copy under another name, a registry that was put into this one. Other files are ignored.
        """
        if not self.exists():
            return []
        try:
            return sorted(map(Path, _records(self.root)))
        except OSError as error:
            raise RegistryError(f"cannot read {self.root}: {error}") from error

    def records(self) -> Iterator[Record]:
        """Every record, in the order of `paths`; checked are those that were not seen before.

        They end at the first bad one: the others are checked too, and a `RegistryError` names all
        that are bad. A lenient registry goes on.
        """
        bad: list[RegistryError] = []
        seen = Seen(self.root)
        for path in self.paths():
            stamp = seen.stamp(path)
            try:
                record = self.read(path, known=(path, stamp) in seen)
            except RegistryError as error:
                bad.append(error)
                continue
            seen.add(path, stamp)
            if not bad or self._lenient:
                yield record
        seen.save()
        if not bad:
            return
        if self._lenient:
            for reason in bad:
                log.warning("left out: %s", reason)
            return
        if len(bad) == 1:
            raise bad[0]
        raise RegistryError("\n  ".join([f"{len(bad)} files cannot be counted:", *map(str, bad)]))

    @collector_at_rest()
    def load(self) -> list[Record]:
        """All of `records` at once."""
        return list(self.records())

    def read(self, path: Path | str, *, known: bool = False) -> Record:
        """The record at `path`; a `RegistryError` where it is not one, or not in its place.

        `known` as in `decode`.
        """
        path = Path(path)
        try:
            data = read_regular(path, _MOST_BYTES)
        except OSError as error:
            raise _refusal(str(path), f"cannot be read: {error.strerror}") from error
        record = decode(data, str(path), known=known)
        if self.path(record) != path:
            raise _refusal(str(path), self._misplaced(path, record))
        return record

    def _misplaced(self, path: Path, record: Record) -> str:
        """What to do with the file at `path`, whose `record` belongs elsewhere."""
        home = self.path(record)
        try:
            if home.samefile(path):  # on a disk where upper and lower case are one
                return f"rename it to {home}"
            there = decode(read_regular(home, _MOST_BYTES), str(home), known=True)
        except (OSError, RegistryError):
            return f"its contents belong at {home}; move it there or delete it"
        if there == record:
            return f"its contents stand at {home} already; delete it"
        free = record
        while self.path(free) != path and self.path(free).exists():
            free = msgspec.structs.replace(free, attempt=free.attempt + 1)
        return (
            f"its contents belong at {home}, where another result of the same run stands; to keep "
            f'both, set "attempt": {free.attempt} in it and name it {self.path(free).name}'
        )

    def of_seed(self, setting: str, method: str, seed: int, key: str = "") -> list[Record]:
        """All records of one seed, or those of one key: by attempt, then by key.

        A `RegistryError` where one is bad, or their folder cannot be listed: what cannot be seen
        would be run again.
        """
        folder, start = self.root / setting / method, f"seed-{seed}-{key}"
        try:
            paths = [path for path in folder.iterdir() if path.name.startswith(start)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RegistryError(f"cannot read {folder}: {error.strerror}") from error
        records = map(self.read, sorted(path for path in paths if path.suffix == ".json"))
        return sorted(records, key=lambda record: record.attempt)

    def write(self, record: Record) -> Path:
        """Add `record` as the next attempt of its key; nothing that stands is overwritten."""
        with self._writing():
            while self.path(record).exists():
                record = msgspec.structs.replace(record, attempt=record.attempt + 1)
            path = self.path(record)
            path.parent.mkdir(parents=True, exist_ok=True)
            # Nobody else writes here now: they are of processes that were killed.
            remove_leftovers(path.parent)
            atomic_write(path, encode(record))
        log.info("wrote %s", path)
        return path

    def require_writable(self) -> None:
        """Raise `RegistryError` where no record can be written, before hours are spent on one."""
        with self._writing():
            pass

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the registry's lock, in a folder that is made; its errors name the registry."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / ".lock"):
                yield
        except OSError as error:
            raise RegistryError(
                f"cannot write to {self.root}: {error} ({disk_of(self.root)})"
            ) from error


def _records(folder: str | Path, depth: int = 0) -> Iterator[str]:
    """What is, or seems to be, a record below `folder`, which lies `depth` below the registry."""
    for entry in [*os.scandir(folder)]:
        if entry.name.startswith("."):
            continue
        # On some disks upper and lower case are one.
        name = entry.name.lower()
        if name.endswith(".json") and (depth == _DEPTH or name.startswith("seed-")):
            yield entry.path
        elif entry.is_dir(follow_symlinks=depth < _DEPTH):
            yield from _records(entry.path, depth + 1)
