"""The code that runs on the machines of a cluster, and whether it is that of the sweep.

Ray brings the sweep's code to every machine, for the tasks that look after a job there. The job
itself is run by the machine's own suite, where it has one, and else by what was brought.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec

from suite.machine import environment

_PACKAGES = ("suite", "baselines")
_DIGITS = 8
# The driver of a GPU is the machine's own, and so is what torch was built for.
_MAY_DIFFER = ("cuda", "suite")

Facts = Mapping[str, str]
"""What must be equal on all machines, by name: the code and the versions of what it uses."""


def ship(folder: Path) -> None:
    """Copy the code of this process into `folder`, with the state of its checkout."""
    here = environment.code_folder()
    for package in _PACKAGES:
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(here / package, folder / package, ignore=without)
    (folder / environment.SHIPPED).write_bytes(msgspec.json.encode(environment.git_state()))


def code_for_jobs() -> Path:
    """The folder of the suite that jobs are run by on this machine."""
    here = environment.code_folder()
    others = [each for each in sys.path if Path(each or os.curdir).resolve() != here]
    found = PathFinder.find_spec("suite", others)
    if not (here / environment.SHIPPED).exists() or found is None or found.origin is None:
        return here
    own = Path(found.origin).resolve().parent.parent
    return own if (own / "baselines").is_dir() else here


def python_path(code: Path) -> str:
    """A PYTHONPATH by which `code` is found, and not what Ray has brought."""
    brought = environment.code_folder()
    rest = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [each for each in rest if each and Path(each).resolve() not in (brought, code)]
    return os.pathsep.join([str(code), *kept])


def facts_of(code: Path) -> Facts:
    """Those of this process and of the suite in the folder `code`."""
    versions = environment.versions()
    # What follows the plus sign says what torch was built for.
    versions["torch"] = versions["torch"].partition("+")[0]
    kept = {name: each for name, each in versions.items() if name not in _MAY_DIFFER}
    return {"commit": _named(code), **kept}


def _named(code: Path) -> str:
    """The commit of `code`, and where that does not tell all a hash of its files too."""
    state = environment.git_state_of(code)
    if state.commit is not None and not state.dirty:
        return state.commit
    digest = hashlib.sha256()
    for path in sorted(path for each in _PACKAGES for path in (code / each).rglob("*")):
        if path.suffix in (".py", ".json"):
            digest.update(f"{path.relative_to(code)}\n".encode())
            digest.update(path.read_bytes())
    return f"{state} (files {digest.hexdigest()[:_DIGITS]})"


def differences(mine: Facts, theirs: Facts) -> tuple[str, ...]:
    """Each fact in which they differ, with both values, mine last."""
    return tuple(
        f"{name} {theirs.get(name, 'missing')}, not {mine.get(name, 'missing')}"
        for name in dict.fromkeys([*mine, *theirs])
        if mine.get(name) != theirs.get(name)
    )
