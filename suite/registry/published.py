"""Which weights lie beside the records, by the sha256 that a record names."""

from collections.abc import Mapping
from pathlib import Path

from suite.registry.schema import Record

_FOLDER = "weights"
_DIGITS = 12
ENDING = ".safetensors"


def weights_name(seed: int, sha256: str) -> str:
    """The name of the file that has these weights: by the first digits of their sha256."""
    return f"seed-{seed}-{sha256[:_DIGITS]}{ENDING}"


def weights_place(record: Record, sha256: str) -> Path:
    """Where weights of a record are published, below the registry's root."""
    return Path(record.setting, record.method, _FOLDER, weights_name(record.seed, sha256))


def published(root: Path) -> dict[str, str]:
    """What is published below `root`: the name of each file, and its path from there.

    Settings and methods that share a training share its file.
    """
    found = sorted(root.glob(f"*/*/{_FOLDER}/seed-*{ENDING}"), reverse=True)
    return {path.name: path.relative_to(root).as_posix() for path in found}


def path_of_weights(record: Record, found: Mapping[str, str]) -> str | None:
    """The file that has the weights that `record` was scored with, if it is among `found`."""
    sha256 = record.provenance.weights_sha256
    return None if sha256 is None else found.get(weights_name(record.seed, sha256))
