"""Which registry a command reads; torch is not needed to tell."""

from pathlib import Path

from suite.errors import UsageError
from suite.registry import Registry
from suite.registry.store import DEFAULT_ROOT


def registry_at(results: Path, *, needed: bool = True, lenient: bool = False) -> Registry:
    """The registry in `results`, which a command reads.

    A folder that is not there is a mistake, since a mistyped one would read as an empty registry.
    Only where the registry is not `needed`, the default one may be missing, as in a fresh clone.
    """
    registry = Registry(results, lenient=lenient)
    if not registry.exists() and (needed or results != DEFAULT_ROOT):
        raise UsageError(
            f"no registry at {results}: there is no such folder; name it with --results DIR, "
            "or record a run: suite run SETTING METHOD"
        )
    return registry
