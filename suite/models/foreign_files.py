"""Read the arrays of a weights file by name, of bounded size; no code in the file is run."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from suite.errors import UsageError, one_line
from suite.files import read_regular

_ACCEPTED = (
    "weights are read from an .npz of float arrays, from .safetensors, or from a torch state dict "
    "in .pt or .pth"
)
_MOST_BYTES = 2**28  # a network of the paper has half a million
_WRAPPERS = ("state_dict", "model_state_dict", "model", "params")


def read_weights(path: Path) -> dict[str, Any]:
    """What `path` holds by name. Raises `UsageError` where it cannot be read."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path} is of no known kind: {_ACCEPTED}")
    try:
        data = read_regular(path, _MOST_BYTES)
        _check_archive(data)
        return reader(data)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UsageError(f"there is no file {path}: {_ACCEPTED}") from error
    except Exception as error:  # a torn file fails in any way
        message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = one_line(" ".join(message.split())[:200]) or type(error).__name__
        raise UsageError(f"{path} cannot be read ({reason}): {_ACCEPTED}") from error


def _check_archive(data: bytes) -> None:
    """Raise `ValueError` for a zip, as `.npz` and `.pt` are, that unpacks to too much."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = sum(member.file_size for member in archive.infolist())
        if total > _MOST_BYTES:
            raise ValueError(f"it unpacks to {total:,} bytes, more than the {_MOST_BYTES:,} read")


def _arrays(data: bytes) -> dict[str, Any]:
    if not data.startswith((b"PK", b"\x93NUMPY")):
        raise ValueError("it is no .npz")
    archive = np.load(io.BytesIO(data), allow_pickle=False)
    if isinstance(archive, np.ndarray):
        raise ValueError("it holds a single array without a name")
    with archive:
        return {name: archive[name] for name in archive.files}


def _safetensors(data: bytes) -> dict[str, Any]:
    return dict(safetensors.torch.load(data))


def _state_dict(data: bytes) -> dict[str, Any]:
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Torch's own text explains how to let the file run code.
        raise ValueError(
            "it is damaged or holds more than tensors; of a model, save its state_dict() alone"
        ) from error
    content = _unwrapped(content)
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ValueError("it holds no tensors by name")
    return dict(content)


def _unwrapped(content: Any) -> Any:
    """The weights of a checkpoint that may have other things beside them."""
    if not isinstance(content, dict):
        return content
    inside = [name for name in _WRAPPERS if isinstance(content.get(name), dict)]
    if len(inside) > 1:
        raise ValueError(f"it holds weights under {' and '.join(inside)}: save those that you mean")
    if not inside and len(content) == 1:
        inside = [name for name in _WRAPPERS if name in content]
    return content[inside[0]] if inside else content


_READERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    ".npz": _arrays,
    ".safetensors": _safetensors,
    ".pt": _state_dict,
    ".pth": _state_dict,
}
