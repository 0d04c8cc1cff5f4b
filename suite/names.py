"""Objects by their dotted names, so that tables can list what they do not import."""

import importlib
from typing import Any


def named(path: str) -> Any:
    """What `path`, MODULE.NAME, stands for; the module is imported."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)
