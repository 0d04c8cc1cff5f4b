"""What a training of one seed needs to go on.

The position in the task stream is the iteration: tasks are a function of it (`suite.rng`).
"""

import hashlib
import sys
from dataclasses import dataclass, field

import torch
from torch import Tensor

from suite.models import Params


@dataclass(frozen=True, kw_only=True)
class Training:
    """Which training a checkpoint belongs to, and how far that goes."""

    name: str = ""
    """Its training key, followed by `-rerun1` where it is run again; its folder has this name."""
    title: str = ""
    """The training in words, for messages."""
    iterations: int = sys.maxsize
    """The length of its schedule."""

    def __str__(self) -> str:
        return f"{self.title} ({self.name})" if self.title else self.name


@dataclass(kw_only=True)
class History:
    """What a training has noted of itself beside its weights."""

    training: Training = field(default_factory=Training)
    curve: list[tuple[int, float, float, float]] = field(default_factory=list)
    """A point has iteration, training loss, training metric and validation metric."""
    seconds: float = 0.0
    """This seed's share of the time, where several train together."""
    resumes: int = 0
    commits: list[str] = field(default_factory=list)
    """The code that took part in the training, in order; see `environment.code_version`."""
    engine: str = "eager"
    """What carried out the last iteration; see `suite.outer.engine`."""
    policies: list[tuple[float, float]] = field(default_factory=list)
    """For each point of a policy's curve: return before adaptation, and the step's divergence."""
    environment_steps: int = 0
    """The steps that policies have taken in their environment to learn from."""
    joules: float | None = None
    """This seed's share of the device's energy; None where that of some iteration is not known."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The training of one seed at one moment, on the CPU; no tensor has a seed axis."""

    params: Params
    first_moments: Params
    second_moments: Params
    """Adam's, by the names of the weights."""
    iteration: int
    sums: Tensor
    """The sums of training loss and metric since the last point of the curve, (2,) float64."""
    history: History


def initial(params: Params, training: Training | None = None) -> Snapshot:
    """The start of a training from these weights."""
    return Snapshot(
        params=params,
        first_moments={name: torch.zeros_like(value) for name, value in params.items()},
        second_moments={name: torch.zeros_like(value) for name, value in params.items()},
        iteration=0,
        sums=torch.zeros(2, dtype=torch.float64),
        history=History(training=training or Training()),
    )


def weights_sha256(params: Params) -> str:
    """The sha256 of names, shapes and bytes of the weights, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(params):
        value = params[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
