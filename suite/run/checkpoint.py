"""The file that keeps the training of one seed.

A file says which training it holds (`Training`), and is not read as another's. The last file but
one is kept too: seeds that train together are saved one after another, and after a kill between
two of them the seeds go on from the iteration that all have.
"""

import itertools
import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from suite.errors import CheckpointError, one_line
from suite.files import atomic_path, atomic_write, disk_of, synced
from suite.outer.snapshot import History, Snapshot, Training
from suite.run.sealed import Unusable, sealed, unsealed

log = logging.getLogger(__name__)

_FORMAT = 4
# A file of this format does not name its training: it counts as that of the folder it lies in.
_NAMELESS_FORMAT = 3
_NOTED = ("seconds", "resumes", "curve", "commits", "engine")
_NOTED_LATER = ("policies", "joules", "environment_steps")
_TENSORS = ("params", "first_moments", "second_moments")


def previous(path: Path) -> Path:
    """The file that keeps the last checkpoint but one."""
    return path.with_suffix(".previous.pt")


def best(path: Path) -> Path:
    """The file that keeps the weights of the best point of the curve, as a checkpoint too."""
    return path.with_suffix(".best.pt")


def save(path: Path, snapshot: Snapshot) -> None:
    """Write `snapshot` to `path`, and what was there to `previous(path)`.

    A kill at any moment leaves the last checkpoint at one of the two. Raises `CheckpointError`
    where the snapshot cannot be written; both files are then as they were.
    """
    data = _encoded(snapshot)
    with writing(path), atomic_path(path) as temporary:
        temporary.write_bytes(data)
        # After it is on the disk, so that a full one takes neither of the two that stand.
        synced(temporary)
        if path.exists():
            path.replace(previous(path))


def save_best(path: Path, snapshot: Snapshot) -> None:
    """Write `snapshot` to `best(path)`, over what is there; raises what `save` raises."""
    data = _encoded(snapshot)
    with writing(best(path)):
        atomic_write(best(path), data)


def take_over(path: Path, like: Snapshot, to: Path, training: Training) -> bool:
    """Copy what is saved at `path` to `to`, as the beginning of `training`.

    Returns whether anything was saved at `path`. `like` is a snapshot of the training at `path`, as
    for `load`. Raises what `load` and `save` raise.
    """
    # The best before the last: once there is a last one, a training goes on from it.
    found = {of: _usable(of(path), like) for of in (best, Path, previous)}
    if found[Path] is None:
        return False
    for of, snapshot in found.items():
        if snapshot is not None:
            own = replace(snapshot, history=replace(snapshot.history, training=training))
            with writing(of(to)):
                atomic_write(of(to), _encoded(own))
    return True


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A block that writes the checkpoint `path`; what fails in it becomes a `CheckpointError`."""
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
    content["training"] = vars(history.training)
    content |= {name: getattr(snapshot, name) for name in (*_TENSORS, "iteration")}
    content |= {name: getattr(history, name) for name in (*_NOTED, *_NOTED_LATER)}
    return sealed(content)


def load(path: Path, like: Snapshot) -> Snapshot | None:
    """The snapshot at `path`; None, and a logged reason, where the file is of no use.

    `like` is a snapshot of the same training: a file with other names or shapes of weights is of no
    use. Raises `CheckpointError` where the file is another training's or cannot be read.
    """
    found = _usable(path, like)
    if found is not None:
        found.history.resumes += 1
    return found


def _usable(path: Path, like: Snapshot) -> Snapshot | None:
    try:
        return _decoded(path, like)
    except FileNotFoundError:
        return None
    except OSError as error:
        # A disk that cannot be read at the moment must not cost what is on it.
        raise CheckpointError(
            f"cannot read the checkpoint {path}: {error.strerror}; when that is mended, give the "
            "same command again"
        ) from error
    except Unusable as error:
        log.warning("the checkpoint %s cannot be used (%s)", path, error)
        return None


def _decoded(path: Path, like: Snapshot) -> Snapshot:
    if path.exists() and not path.is_file():
        raise Unusable("it is not a file")
    content = unsealed(path.read_bytes())
    training = like.history.training
    _require_own(content, path, training)
    for group in _TENSORS:
        if _shapes(content.get(group)) != _shapes(like.params):
            raise Unusable("other weights")
    return _snapshot(content, training)


def decoded(data: bytes, folder: str | None = None) -> Snapshot:
    """The snapshot in the bytes of a checkpoint of any training, with its `resumes` as saved.

    A checkpoint that does not name its training counts as that of the folder called `folder`, and
    has no title. Raises `Unusable` where the bytes are of no use.
    """
    content = unsealed(data)
    if content.get("format") == _NAMELESS_FORMAT and folder is not None:
        training = Training(name=folder)
    elif content.get("format") == _FORMAT:
        training = _owner(content)
    else:
        raise Unusable(f"format {content.get('format')}")
    shapes = _shapes(content.get("params"))
    if not shapes or any(_shapes(content.get(group)) != shapes for group in _TENSORS):
        raise Unusable("its weights and Adam's state do not belong together")
    if not all(_is_plain(value) for group in _TENSORS for value in content[group].values()):
        raise Unusable("its weights are not plain tensors")
    return _snapshot(content, training)


def _snapshot(content: dict[str, Any], training: Training) -> Snapshot:
    """The snapshot in `content`, whose tensors were found to have the right shapes."""
    noted = {name: content.get(name) for name in _NOTED}
    noted |= {name: content[name] for name in _NOTED_LATER if name in content}
    iteration, sums = content.get("iteration"), content.get("sums")
    try:
        history = replace(msgspec.convert(noted, History), training=training)
    except msgspec.ValidationError as error:
        raise Unusable(f"an odd history: {error}") from error
    if type(iteration) is not int or _shape(sums) != _shape(torch.zeros(2, dtype=torch.float64)):
        raise Unusable("an odd position")
    found = Snapshot(
        **{name: content[name] for name in (*_TENSORS, "iteration", "sums")}, history=history
    )
    if reason := _unreasonable(found):
        raise Unusable(reason)
    return found


def _require_own(content: dict[str, Any], path: Path, training: Training) -> None:
    """Raise `CheckpointError` where `content`, read from `path`, is another training's."""
    version = content.get("format")
    if version == _NAMELESS_FORMAT and path.parent.name == training.name:
        return
    if version != _FORMAT:
        raise Unusable(f"format {version}")
    found = _owner(content)
    if found.name != training.name:
        message = (
            f"{path} is the checkpoint of another training, {found}, and not of {training}: "
            f"move it to a folder named {found.name}, or delete it, and give the same command again"
        )
        raise CheckpointError(one_line(message))


def _owner(content: dict[str, Any]) -> Training:
    """The training that `content` says it is of."""
    try:
        found = msgspec.convert(content.get("training"), Training)
    except msgspec.ValidationError as error:
        raise Unusable(f"it does not say whose it is: {error}") from error
    # Files from before lengths were saved have the length in their title alone.
    length = re.search(r"[ ]([0-9,]{1,20}) iterations", found.title)
    if "iterations" not in content["training"] and length:
        return replace(found, iterations=int(length[1].replace(",", "")))
    return found


def _unreasonable(snapshot: Snapshot) -> str | None:
    """Something in `snapshot` that no training can have come to, in words; None if there is none.

    A curve may have infinite values and NaN, as that of a training that soon diverges has, and a
    second moment may be infinite, as the square of a great gradient is.
    """
    history, at, length = snapshot.history, snapshot.iteration, snapshot.history.training.iterations
    if not 0 <= at <= length:
        return f"it is at iteration {at:,} of {length:,}"
    points = [0, *(point[0] for point in history.curve)]
    if any(one >= other for one, other in itertools.pairwise([*points, at + 1])):
        return "its curve is not in order"
    if history.policies and len(history.policies) != len(history.curve):
        return "its curve is not whole"
    counts = {"resumes": history.resumes, "environment_steps": history.environment_steps}
    amounts = {"seconds": history.seconds, "joules": history.joules or 0.0}
    for name, value in {**counts, **amounts}.items():
        if not 0 <= value < math.inf:
            return f"{name} {value}"
    for name in ("params", "first_moments"):
        if not all(value.isfinite().all() for value in getattr(snapshot, name).values()):
            return f"its {name} are not finite"
    if not all((value >= 0).all() for value in snapshot.second_moments.values()):
        return "its second_moments are not squares"
    return None


def _is_plain(value: Tensor) -> bool:
    """Whether every value has memory of its own: strides could make a huge tensor out of a few."""
    if value.layout is not torch.strided or value.device.type != "cpu":
        return False
    return value.untyped_storage().nbytes() >= value.numel() * value.element_size()


def _shapes(params: object) -> dict[str, object] | None:
    if not isinstance(params, dict):
        return None
    return {name: _shape(value) for name, value in params.items()}


def _shape(value: object) -> tuple[torch.Size, torch.dtype, torch.layout] | None:
    return (value.shape, value.dtype, value.layout) if isinstance(value, Tensor) else None
