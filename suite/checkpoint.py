"""What is needed to go on with a training: weights, optimizer, position, curve.

The position in the task stream is the iteration: tasks are a function of it (`suite.rng`).
A file is the sha256 of the rest and then what `torch.save` writes; it is read with the weights-only
loader, which runs no code.
"""

import hashlib
import io
import logging
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from suite.files import atomic_write
from suite.models import Params

log = logging.getLogger(__name__)

_FORMAT = 2
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(kw_only=True)
class TrainingState:
    """A training under way. Sums run since the last point of the curve."""

    params: Params
    optimizer: torch.optim.Optimizer
    iteration: int = 0
    curve: list[tuple[int, float, float, float]] = field(default_factory=list)
    """Iteration, training loss, training metric, validation metric."""
    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    """Of the training loss and metric, on the device."""
    seconds: float = 0.0
    resumes: int = 0
    commits: list[str] = field(default_factory=list)
    """The code that took part in the training, in order; see `environment.code_version`."""


def weights_sha256(params: Params) -> str:
    """Over names, shapes and the bytes of the weights, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(params):
        value = params[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def save(path: Path, state: TrainingState) -> None:
    """Write `state` so that a kill at any moment leaves the old file or the new one."""
    content = {
        "format": _FORMAT,
        "params": {name: value.detach() for name, value in state.params.items()},
        "optimizer": state.optimizer.state_dict(),
        "iteration": state.iteration,
        "curve": state.curve,
        "sums": state.sums,
        "seconds": state.seconds,
        "resumes": state.resumes,
        "commits": state.commits,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getvalue()
    atomic_write(path, hashlib.sha256(payload).digest() + payload)


def restore(path: Path, state: TrainingState) -> bool:
    """Put what `path` holds into `state`; False, and a logged reason, where it is of no use."""
    try:
        _restore(path, state)
    except FileNotFoundError:
        return False
    except (
        *(OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError),
        pickle.UnpicklingError,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        log.warning("%s cannot be used (%s): training starts anew", path, reason)
        return False
    return True


def _restore(path: Path, state: TrainingState) -> None:
    device = state.sums.device
    data = path.read_bytes()
    digest, payload = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError("it is damaged")
    content: dict[str, Any] = torch.load(
        io.BytesIO(payload), map_location=device, weights_only=True
    )
    if content["format"] != _FORMAT:
        raise ValueError(f"format {content['format']}")
    params: Params = content["params"]
    shapes = {name: value.shape for name, value in state.params.items()}
    if {name: value.shape for name, value in params.items()} != shapes:
        raise ValueError("other weights")
    curve = [tuple(point) for point in content["curve"]]
    sums, commits = content["sums"], list(content["commits"])
    numbers = [content[each] for each in ("iteration", "seconds", "resumes")]
    # From here on nothing can fail that would leave `state` half changed.
    state.optimizer.load_state_dict(content["optimizer"])
    with torch.no_grad():
        for name, value in state.params.items():
            value.copy_(params[name])
    state.curve, state.sums, state.commits = curve, sums, commits
    state.iteration, state.seconds, resumes = numbers
    state.resumes = resumes + 1
