"""What is asked for: the trainings of some seeds, and their scorings."""

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
    """The method's options that are not to be its defaults on that schedule."""
    rerun: bool = False
    trains: bool = True
    """Whether to train what is not trained yet; else that is a `UsageError`."""
    recorded: bool = False
    """Whether its configuration and options stand in a record, and are taken as they are."""
    scored_as: Record | None = None
    """A record whose weights these must be; else that is a `UsageError`."""
    checkpoints: Path | None = None
    """Where trainings are saved; None for the cache."""
    engine: Engine = field(default_factory=Engine)
    hooks: Hooks = field(default_factory=Hooks)
    """`checkpoints` is set by the runner."""
