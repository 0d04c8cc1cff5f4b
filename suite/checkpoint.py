"""What is needed to go on with the training of one seed, and the file that keeps it.

The position in the task stream is the iteration: tasks are a function of it (`suite.rng`).
A file is the sha256 of the rest and then what `torch.save` writes; it is read with the weights-only
loader, which runs no code. The last file but one is kept too: seeds that train together are saved
one after another, and after a kill between two of them go on from what all have.
"""

import hashlib
import io
import logging
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from suite.files import atomic_write
from suite.models import Params

log = logging.getLogger(__name__)

_FORMAT = 3
_DIGEST_BYTES = hashlib.sha256().digest_size
_TOLD = ("seconds", "resumes", "curve", "commits", "engine")
_TENSORS = ("params", "first_moments", "second_moments")


@dataclass(kw_only=True)
class History:
    """What is told of a training, by seed."""

    curve: list[tuple[int, float, float, float]] = field(default_factory=list)
    """Iteration, training loss, training metric, validation metric."""
    seconds: float = 0.0
    """This seed's share of the time, where several train together."""
    resumes: int = 0
    commits: list[str] = field(default_factory=list)
    """The code that took part in the training, in order; see `environment.code_version`."""
    engine: str = "eager"
    """What carried out the last iteration; see `suite.inner.engine`."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The training of one seed at one moment, on the CPU; no tensor has a seed axis."""

    params: Params
    first_moments: Params
    second_moments: Params
    """Adam's, by the names of the weights."""
    iteration: int
    sums: Tensor
    """Of the training loss and metric since the last point of the curve, (2,) float64."""
    history: History


def initial(params: Params) -> Snapshot:
    """The start of a training from these weights."""
    return Snapshot(
        params=params,
        first_moments={name: torch.zeros_like(value) for name, value in params.items()},
        second_moments={name: torch.zeros_like(value) for name, value in params.items()},
        iteration=0,
        sums=torch.zeros(2, dtype=torch.float64),
        history=History(),
    )


def weights_sha256(params: Params) -> str:
    """Over names, shapes and the bytes of the weights, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(params):
        value = params[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def previous(path: Path) -> Path:
    """Where the last checkpoint but one lies."""
    return path.with_suffix(".previous.pt")


def best(path: Path) -> Path:
    """Where the weights of the best point of the curve lie, as a checkpoint too."""
    return path.with_suffix(".best.pt")


def save(path: Path, snapshot: Snapshot) -> None:
    """Write `snapshot`; a kill at any moment leaves the last one, here or at `previous(path)`."""
    data = _encoded(snapshot)
    if path.exists():
        path.replace(previous(path))
    atomic_write(path, data)


def save_best(path: Path, snapshot: Snapshot) -> None:
    """Write `snapshot` to `best(path)` in place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(best(path), _encoded(snapshot))


def _encoded(snapshot: Snapshot) -> bytes:
    history = snapshot.history
    content: dict[str, Any] = {"format": _FORMAT, "sums": snapshot.sums}
    content |= {name: getattr(snapshot, name) for name in (*_TENSORS, "iteration")}
    content |= {name: getattr(history, name) for name in _TOLD}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getvalue()
    return hashlib.sha256(payload).digest() + payload


def load(path: Path, like: Snapshot) -> Snapshot | None:
    """What `path` holds; None, and a logged reason, where it is of no use.

    `like` is a snapshot of the same network: other names or shapes are refused.
    """
    try:
        return _load(path, like)
    except FileNotFoundError:
        return None
    except (
        *(OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError, AttributeError),
        pickle.UnpicklingError,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        log.warning("the checkpoint %s cannot be used (%s)", path, reason)
        return None


def _load(path: Path, like: Snapshot) -> Snapshot:
    data = path.read_bytes()
    digest, payload = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError("it is damaged")
    content: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    if content["format"] != _FORMAT:
        raise ValueError(f"format {content['format']}")
    for group in _TENSORS:
        if _shapes(content[group]) != _shapes(like.params):
            raise ValueError("other weights")
    return Snapshot(
        **{name: content[name] for name in (*_TENSORS, "iteration", "sums")},
        history=History(
            curve=[tuple(point) for point in content["curve"]],
            seconds=content["seconds"],
            resumes=content["resumes"] + 1,
            commits=list(content["commits"]),
            engine=content["engine"],
        ),
    )


def _shapes(params: Params) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in params.items()}
