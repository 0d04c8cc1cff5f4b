"""What the gate compares with: scores and verdicts of the last release, in one JSON file."""

from pathlib import Path

import msgspec

from suite.errors import RegistryError
from suite.files import atomic_write, read_regular
from suite.parsing import NotJson, parsed

SCHEMA_VERSION = 1
_MOST_BYTES = 2**26
DEFAULT_PATH = Path("results", "references.json")


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the parts."""


class Reference(_Part, frozen=True, kw_only=True):
    """The runs of one cell, or of two: what ran, on what, and how each seed scored."""

    cell: str
    """See `suite.report.cells.cell_key`."""
    minus: str | None
    """The cell whose scores are taken from these, seed by seed; None for the scores themselves."""
    setting: str
    method: str
    """With ` - ` and the other method, where there is one."""
    protocol: str
    iterations: int
    changes: tuple[str, ...]
    """Of the setting's configuration and protocol, as `name=value`."""
    data: str
    """Name and fingerprint."""
    device: str
    commit: str
    """Of the code that ran."""
    metric: str
    means: dict[int, float]
    """Seed to mean over its test tasks, or their difference, in the unit of the metric."""
    margin: float
    """The greatest move of the mean over seeds that is of no matter, in the same unit."""


class References(_Part, frozen=True, kw_only=True):
    """The file."""

    schema: int = SCHEMA_VERSION
    gate: tuple[Reference, ...]
    verdicts: dict[str, str]
    """Published number, see `suite.report.verdicts.Judged.name`, to the outcome of its verdict."""


def read_references(path: Path | str = DEFAULT_PATH) -> References:
    """The references at `path`; a `RegistryError` where there are none, or of another schema."""
    path = Path(path)
    try:
        found = parsed(read_regular(path, _MOST_BYTES), References)
    except FileNotFoundError:
        raise RegistryError(f"no references in {path}; record them: suite check --update") from None
    except (OSError, NotJson) as error:
        raise RegistryError(f"{path}: not the references of a gate: {error}") from error
    if found.schema != SCHEMA_VERSION:
        raise RegistryError(f"{path}: schema {found.schema}; this suite has {SCHEMA_VERSION}")
    return found


def write_references(references: References, path: Path | str = DEFAULT_PATH) -> None:
    """Write them, sorted and with a field a line, so that a diff can be read."""
    content = msgspec.to_builtins(references, str_keys=True)
    data = msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2)
    try:
        atomic_write(Path(path), data + b"\n")
    except OSError as error:
        raise RegistryError(f"cannot write {path}: {error}") from error
