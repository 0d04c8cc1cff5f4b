"""learn2learn's `MAML`, a loop over the tasks, taken from the source of its release.

The release (0.2.0) ships C code for another Python and does not build. `nox -s benchmark` unpacks
it below `build/peers`, and only what MAML needs is imported, which is plain Python.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

_SOURCE = Path("build", "peers", "learn2learn-0.2.0", "learn2learn")
_PACKAGE = "learn2learn"


def is_here() -> bool:
    """Whether it is unpacked, or installed as a whole."""
    return _SOURCE.is_dir() or importlib.util.find_spec(_PACKAGE) is not None


def maml() -> Callable[..., Any]:
    """The class `learn2learn.algorithms.MAML`."""
    if _PACKAGE not in sys.modules and _SOURCE.is_dir():
        # The packages' own `__init__` would import environments and data sets, and their C code.
        for package in (_PACKAGE, f"{_PACKAGE}.algorithms"):
            empty = ModuleType(package)
            empty.__path__ = [str(_SOURCE.parent.joinpath(*package.split(".")))]
            sys.modules[package] = empty
    module = importlib.import_module(f"{_PACKAGE}.algorithms.maml")
    found: Callable[..., Any] = module.MAML
    return found
