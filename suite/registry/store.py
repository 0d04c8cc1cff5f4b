"""The registry: one JSON file a run below `results/`. The one place that writes results."""

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
from filelock import FileLock

from suite.errors import RegistryError
from suite.files import atomic_write
from suite.registry.key import run_key
from suite.registry.schema import SCHEMA_VERSION, Record

log = logging.getLogger(__name__)

DEFAULT_ROOT = Path("results")


class _Version(msgspec.Struct):
    schema: int


def encode(record: Record) -> bytes:
    """The record as JSON: keys sorted, one top-level field a line, a newline last.

    Raises `RegistryError` where a number is not finite, which JSON cannot say.
    """
    fields = msgspec.to_builtins(record)
    lines = [
        b"%s: %s" % (msgspec.json.encode(name), msgspec.json.encode(fields[name], order="sorted"))
        for name in sorted(fields)
    ]
    data = b"{\n" + b",\n".join(lines) + b"\n}\n"
    try:
        same = msgspec.json.decode(data, type=Record) == record
    except msgspec.ValidationError:
        same = False
    if not same:
        raise RegistryError(
            f"record {record.key} of {record.setting}/{record.method} does not survive JSON: "
            "a number in it is not finite, or a field has the wrong type"
        )
    return data


def decode(data: bytes, name: str) -> Record:
    """The record in `data`; `name` is the file's, for the message of a `RegistryError`."""
    try:
        version = msgspec.json.decode(data, type=_Version).schema
        if version < 1:
            raise RegistryError(f"{name}: there is no schema {version}")
        if version > SCHEMA_VERSION:
            raise RegistryError(
                f"{name}: schema {version} is newer than this suite's {SCHEMA_VERSION}; "
                "update with: git pull && python -m pip install ."
            )
        record = msgspec.json.decode(data, type=Record)
    except msgspec.MsgspecError as error:
        raise RegistryError(f"{name}: not a record: {error}") from error
    if run_key(record) != record.key:
        raise RegistryError(
            f"{name}: its key {record.key} is not that of its contents ({run_key(record)}): "
            "it was edited by hand; restore it or run it again"
        )
    return record


class Registry:
    """The records below `root`."""

    def __init__(self, root: Path = DEFAULT_ROOT) -> None:
        self.root = root

    def path(self, record: Record) -> Path:
        """Where `record` stands, or would."""
        suffix = f"-attempt{record.attempt}" if record.attempt else ""
        name = f"seed-{record.seed}-{record.key}{suffix}.json"
        return self.root / record.setting / record.method / name

    def paths(self) -> list[Path]:
        """All files of the registry, sorted."""
        return sorted(self.root.glob("*/*/seed-*.json"))

    def records(self) -> Iterator[Record]:
        """Every record, in the order of `paths`; the first bad one raises `RegistryError`."""
        for path in self.paths():
            yield self.read(path)

    def read(self, path: Path) -> Record:
        """The record at `path`; a `RegistryError` where it is not one, or not in its place."""
        record = decode(path.read_bytes(), str(path))
        if self.path(record) != path:
            raise RegistryError(
                f"{path}: its contents belong at {self.path(record)}; move it there or delete it"
            )
        return record

    def attempts(self, setting: str, method: str, seed: int, key: str) -> list[Record]:
        """The records of one key, by attempt."""
        folder = self.root / setting / method
        records = [self.read(path) for path in folder.glob(f"seed-{seed}-{key}*.json")]
        return sorted(records, key=lambda record: record.attempt)

    def write(self, record: Record) -> Path:
        """Add `record` as the next attempt of its key; nothing that stands is overwritten."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / ".lock"):
                while self.path(record).exists():
                    record = msgspec.structs.replace(record, attempt=record.attempt + 1)
                path = self.path(record)
                path.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(path, encode(record))
        except OSError as error:
            raise RegistryError(f"cannot write to {self.root}: {error}") from error
        log.info("wrote %s", path)
        return path
