"""Trainings to pack: of the sinusoid's network, at any iteration."""

from dataclasses import replace
from pathlib import Path

import torch

from suite.models import build_network
from suite.outer.snapshot import History, Snapshot, Training
from suite.run import checkpoint
from suite.run.train import initial_snapshot
from suite.settings import get_setting

NETWORK = build_network(get_setting("sinusoid").config)
NAME = "0123456789ab"


def training(name: str = NAME, seed: int = 0) -> Training:
    return Training(name=name, title=f"sinusoid maml seed {seed}, 100 iterations", iterations=100)


def snapshot(iteration: int, whose: Training | None = None, seed: int = 0) -> Snapshot:
    """At `iteration` of 100, a point of the curve behind it; no two have equal weights."""
    start = initial_snapshot(NETWORK, seed, whose or training(seed=seed))
    params = {name: value + iteration for name, value in start.params.items()}
    moments = {name: torch.rand_like(value) for name, value in params.items()}
    curve = [(point, 0.5, 0.5, 0.5) for point in range(10, iteration + 1, 10)]
    history = History(training=start.history.training, curve=curve, seconds=700.0, commits=["a"])
    return replace(
        start,
        params=params,
        first_moments=moments,
        second_moments=moments,
        iteration=iteration,
        history=history,
    )


def save(root: Path, found: Snapshot) -> Path:
    """Both checkpoints of `found` in its folder below `root`; the folder."""
    path = root / found.history.training.name / "checkpoint.pt"
    checkpoint.save_best(path, found)
    checkpoint.save(path, found)
    return path.parent
