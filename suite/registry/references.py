"""What the gate compares with: scores and verdicts of the last release, in one JSON file.

The file has a checksum of what it holds, since an edited reference lets a fault pass unseen.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import msgspec

from suite.errors import RegistryError, one_line
from suite.files import atomic_write, read_regular
from suite.parsing import NotJson, parsed, schema_of

SCHEMA_VERSION = 3
_MOST_BYTES = 2**26
DEFAULT_PATH = Path("results", "references.json")
_RENEW = "restore it from git, or write it anew: suite check --run --update"
_LEAST_SEEDS = 2


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the parts."""


class Reference(_Part, frozen=True, kw_only=True):
    """The runs of one cell: what ran, on what, and how each seed scored."""

    cell: str
    """See `suite.report.cells.cell_key`."""
    setting: str
    method: str
    protocol: str
    iterations: int
    changes: tuple[str, ...]
    """How configuration and protocol differ from the setting's, as `name=value`."""
    data: str
    """The name and fingerprint of the data."""
    device: str
    commit: str
    """The commit of the code that ran."""
    metric: str
    means: dict[int, float]
    """Seed to mean over its test tasks, in the unit of the metric."""
    spread: float
    """How far a seed's score moves where nothing is wrong: a standard deviation in that unit."""
    spread_runs: int
    """How many differences of scores it was taken over; 0 where that of the seeds stands for it."""
    origin: str
    """How the spread was measured."""


class References(_Part, frozen=True, kw_only=True):
    """What the file says."""

    schema: int = SCHEMA_VERSION
    gate: tuple[Reference, ...]
    verdicts: dict[str, str]
    """Published number, see `suite.report.verdicts.Judged.name`, to the outcome of its verdict."""


class _File(References, frozen=True, kw_only=True):
    sha256: str
    """The sha256 of all other fields, see `_digest`."""


def read_references(path: Path | str = DEFAULT_PATH) -> References:
    """The references at `path`, as they were written there.

    A `RegistryError` where there are none, or of another schema, or they were edited by hand.
    """
    path = Path(path)
    try:
        data = read_regular(path, _MOST_BYTES)
    except FileNotFoundError:
        raise RegistryError(f"no references in {path}; record them: suite check --update") from None
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        file = parsed(data, _File)
    except NotJson as error:
        strange = _version_reason(schema_of(data))
        message = strange or f"not the references of a gate: {error}; {_RENEW}"
        raise RegistryError(f"{path}: {message}") from error
    found = References(gate=file.gate, verdicts=file.verdicts, schema=file.schema)
    reason = _version_reason(file.schema) or _fault(found)
    if not reason and _digest(_content(found)) != file.sha256:
        reason = f"its sha256 is not that of its contents: it was edited by hand; {_RENEW}"
    if reason:
        raise RegistryError(f"{path}: {reason}")
    return found


def write_references(references: References, path: Path | str = DEFAULT_PATH) -> None:
    """Write them, sorted and with a field a line, so that a diff can be read.

    A `RegistryError` where no score could be compared with them, or they cannot be written.
    """
    if reason := _fault(references):
        raise RegistryError(f"{path} is not written: {reason}")
    content = _content(references)
    content["sha256"] = _digest(content)
    data = msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2)
    try:
        atomic_write(Path(path), data + b"\n")
    except OSError as error:
        raise RegistryError(f"cannot write {path}: {error}") from error


def _content(references: References) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(references, str_keys=True)
    return content


def _digest(content: dict[str, Any]) -> str:
    """sha256 of `content` as JSON with sorted keys and no space: indents and line ends are free."""
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _fault(references: References) -> str | None:
    """Why no score can be compared with them; None where every one can."""
    for each in references.gate:
        name = f"the reference of {one_line(f'{each.setting} {each.method}')}"
        if len(each.means) < _LEAST_SEEDS:
            return f"{name} has fewer than {_LEAST_SEEDS} seeds; more: suite check --run --update"
        if not all(map(math.isfinite, each.means.values())):
            return f"{name} has a seed that diverged"
        if not 0 < each.spread < math.inf:
            return f"{name} has the spread {each.spread}"
        if each.spread_runs < 0:
            return f"{name} has a spread of {each.spread_runs} runs"
    return None


def _version_reason(version: int | None) -> str | None:
    """What is wrong with the number of a schema; None where that is not it, or there is none."""
    if version in (None, SCHEMA_VERSION):
        return None
    return f"schema {version}; this suite has {SCHEMA_VERSION}; {_RENEW}"
