"""Which record a user means."""

import re
from pathlib import Path

from suite.errors import UsageError
from suite.files import expanded
from suite.registry.schema import Record
from suite.registry.store import Registry

_SHOWN = 6
_NAME = re.compile(r"seed-\d+-([0-9a-f]+)(-attempt\d+)?\.json")


def find_record(registry: Registry, wanted: str) -> Record:
    """The record named by its file, by the beginning of its key, or by `setting/method/seed`.

    Where one key has several attempts it is the first completed one, or else the last. A
    `UsageError` where there is none, or more than one run.
    """
    if wanted.endswith(".json"):
        path = expanded(wanted)
        if not path.exists():
            raise UsageError(f"no record {wanted}; see: suite list")
        return home_of(registry, wanted).read(path.absolute())
    found = _candidates(registry, wanted)
    runs = sorted({_key(path) for path in found})
    if not runs:
        raise UsageError(
            f"no record in {registry.root} has a key that begins with '{wanted}', or is that "
            "setting/method/seed; see: suite list"
        )
    if len(runs) > 1:
        names = ", ".join(str(path.relative_to(registry.root)) for path in found[:_SHOWN])
        more = "" if len(found) <= _SHOWN else f" and {len(found) - _SHOWN} more"
        raise UsageError(f"'{wanted}' may be any of: {names}{more}; give more of the key")
    attempts = sorted(map(registry.read, found), key=lambda record: record.attempt)
    completed = [record for record in attempts if record.status == "completed"]
    return completed[0] if completed else attempts[-1]


def home_of(registry: Registry, wanted: str) -> Registry:
    """The registry that `find_record` finds `wanted` in: that of the file, where it names one."""
    if wanted.endswith(".json"):
        return Registry(expanded(wanted).absolute().parent.parent.parent)
    return registry


def _candidates(registry: Registry, wanted: str) -> list[Path]:
    paths = registry.paths()
    setting, _, rest = wanted.partition("/")
    method, _, seed = rest.partition("/")
    if seed:
        start = f"seed-{seed}-"
        folder = registry.root / setting / method
        return [path for path in paths if path.parent == folder and path.name.startswith(start)]
    return [path for path in paths if wanted and _key(path).startswith(wanted)]


def _key(path: Path) -> str:
    """The key in the name of a record; empty where the file is named otherwise."""
    found = _NAME.fullmatch(path.name)
    return found[1] if found else ""
