"""What is needed to go on with the training of one seed, and the file that keeps it.

The position in the task stream is the iteration: tasks are a function of it (`suite.rng`).
A file is the sha256 of the rest and then what `torch.save` writes; it is read with the weights-only
loader, which runs no code. The last file but one is kept too: seeds that train together are saved
one after another, and after a kill between two of them go on from what all have.
"""

import hashlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from suite.errors import CheckpointError
from suite.files import atomic_path, atomic_write, disk_of, synced
from suite.models import Params

log = logging.getLogger(__name__)

_FORMAT = 3
_DIGEST_BYTES = hashlib.sha256().digest_size
_TOLD = ("seconds", "resumes", "curve", "commits", "engine")
_TOLD_LATER = ("policies", "joules", "environment_steps")
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
    policies: list[tuple[float, float]] = field(default_factory=list)
    """Of policies, a point of the curve: return before adaptation, divergence of the last step."""
    environment_steps: int = 0
    """That policies have taken to learn from."""
    joules: float | None = None
    """This seed's share of what the device used; None where that is not known of all iterations."""


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
    """Write `snapshot`; a kill at any moment leaves the last one, here or at `previous(path)`.

    Raises `CheckpointError` where it cannot be written; both that are there are then as they were.
    """
    data = _encoded(snapshot)
    with _told(path), atomic_path(path) as temporary:
        temporary.write_bytes(data)
        # After it is on the disk, so that a full one takes neither of the two that stand.
        synced(temporary)
        if path.exists():
            path.replace(previous(path))


def save_best(path: Path, snapshot: Snapshot) -> None:
    """Write `snapshot` to `best(path)` in place of what is there; errors are those of `save`."""
    data = _encoded(snapshot)
    with _told(best(path)):
        atomic_write(best(path), data)


def copy(path: Path, to: Path) -> None:
    """What is saved at `path`, the best weights and the last but one too; errors as of `save`."""
    # The best before the last: once there is a last one, a training goes on from it.
    for of in (best, Path, previous):
        if of(path).exists():
            with _told(of(to)):
                atomic_write(of(to), of(path).read_bytes())


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {path}: {error.strerror} ({disk_of(path)}); when that is "
            "mended, give the same command again: it goes on from the checkpoint before"
        ) from error


def _encoded(snapshot: Snapshot) -> bytes:
    history = snapshot.history
    content: dict[str, Any] = {"format": _FORMAT, "sums": snapshot.sums}
    content |= {name: getattr(snapshot, name) for name in (*_TENSORS, "iteration")}
    content |= {name: getattr(history, name) for name in (*_TOLD, *_TOLD_LATER)}
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
    except (OSError, _Unusable) as error:
        log.warning("the checkpoint %s cannot be used (%s)", path, error)
        return None


class _Unusable(Exception):
    """Why a file is not taken for a checkpoint."""


def _load(path: Path, like: Snapshot) -> Snapshot:
    content = _content(path.read_bytes())
    if content.get("format") != _FORMAT:
        raise _Unusable(f"format {content.get('format')}")
    told = {name: content.get(name) for name in _TOLD}
    told |= {name: content[name] for name in _TOLD_LATER if name in content}
    iteration, sums = content.get("iteration"), content.get("sums")
    for group in _TENSORS:
        if _shapes(content.get(group)) != _shapes(like.params):
            raise _Unusable("other weights")
    try:
        history = msgspec.convert(told, History)
    except msgspec.ValidationError as error:
        raise _Unusable(f"an odd history: {error}") from error
    if type(iteration) is not int or iteration < 0 or _shape(sums) != _shape(like.sums):
        raise _Unusable("an odd position")
    history.resumes += 1
    return Snapshot(
        **{name: content[name] for name in (*_TENSORS, "iteration", "sums")}, history=history
    )


def _content(data: bytes) -> dict[str, Any]:
    digest, payload = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        raise _Unusable("it is damaged")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:
        # Whatever bytes that are not torch's make it raise; its own words advise to run the file.
        raise _Unusable("it is not what torch saves, or would run code") from error
    if not isinstance(content, dict):
        raise _Unusable("it is not what torch saves of a training")
    return content


def _shapes(params: object) -> dict[str, object] | None:
    if not isinstance(params, dict):
        return None
    return {name: _shape(value) for name, value in params.items()}


def _shape(value: object) -> tuple[torch.Size, torch.dtype, torch.layout] | None:
    return (value.shape, value.dtype, value.layout) if isinstance(value, Tensor) else None
