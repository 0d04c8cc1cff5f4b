"""A request: the trainings of some seeds, and their scorings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from suite.outer.engine import Engine
from suite.registry import Record
from suite.run.train import Hooks
from suite.settings import Config, Protocol, Schedule, Setting


@dataclass(frozen=True, kw_only=True)
class Request:
    """The trainings of some seeds, side by side, and their scorings."""

    setting: Setting
    method: str
    seeds: tuple[int, ...]
    config: Config
    schedule: Schedule
    protocols: tuple[Protocol, ...]
    device: torch.device
    options: Mapping[str, Any] = field(default_factory=dict)
    """The method's options that differ from its defaults on that schedule."""
    rerun: bool = False
    trains: bool = True
    """Whether to train what is not trained yet; False makes that a `UsageError`."""
    recorded: bool = False
    """Whether configuration and options come from a record, and are not checked again."""
    scored_as: Record | None = None
    """A record; weights that are not those it names are a `UsageError`. None asks for none."""
    checkpoints: Path | None = None
    """The folder in which trainings are saved; None is that of the cache."""
    engine: Engine = field(default_factory=Engine)
    hooks: Hooks = field(default_factory=Hooks)
    """The runner sets their `checkpoints`."""
