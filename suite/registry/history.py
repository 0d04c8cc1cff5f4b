"""Git knows every record that was ever committed: none may be changed or deleted.

A key stands for one result for ever. Newer code writes under a key of its own.
"""

from pathlib import Path

from suite.errors import RegistryError
from suite.machine.git import GitError, git

_RECORDS = ":(glob)*/*/seed-*.json"


def altered(root: Path) -> dict[str, str]:
    """The records below `root` that are not as they were first committed.

    Maps the path below `root` to `changed` or `deleted`; files that were never committed are
    left out. Raises `RegistryError` where git cannot tell: outside of a checkout, without
    git, or where the history was cut off.
    """
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise RegistryError(f"the history of {root} was cut off; bring it: git fetch --unshallow")
    first = _first_committed(root)
    standing = [path for path in first if (root / path).is_file()]
    files = "\n".join(str((root / path).resolve()) for path in standing)
    # Without filters, since a path's own could change what is hashed.
    hashes = _git(root, "hash-object", "--no-filters", "--stdin-paths", stdin=files)
    now = dict(zip(standing, hashes.split(), strict=True))
    return {
        path: "changed" if path in now else "deleted"
        for path, blob in sorted(first.items())
        if now.get(path) != blob
    }


def _first_committed(root: Path) -> dict[str, str]:
    """Every path that a commit ever added, and the hash of what it held then."""
    lines = _git(
        *(root, "log", "--reverse", "--full-history", "-m", "--diff-filter=A", "--no-renames"),
        *("--raw", "--no-abbrev", "--format=", "--relative", "--", _RECORDS),
    ).splitlines()
    first: dict[str, str] = {}
    for line in lines:
        about, path = line.split("\t", 1)
        first.setdefault(path, about.split()[3])
    return first


def _git(root: Path, *arguments: str, stdin: str = "") -> str:
    try:
        return git(root, *arguments, stdin=stdin)
    except GitError as error:
        raise RegistryError(f"{root}: {error}") from None
