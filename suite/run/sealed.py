"""Tensors and numbers as bytes that show damage, and that run no code when they are read.

The bytes are a sha256 of the rest, and then what `torch.save` writes. Torch's weights-only loader
reads it.
"""

import hashlib
import io
import warnings
import zipfile
from typing import Any

import torch

from suite.machine.failures import is_memory

_DIGEST_BYTES = hashlib.sha256().digest_size
_NO_SAVE = "it is not what torch saves, or would run code"


class Unusable(Exception):
    """Why bytes are refused that should be sealed content."""


def sealed(content: dict[str, Any]) -> bytes:
    """`content` as bytes; it may have tensors, plain containers, numbers and texts."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getvalue()
    return hashlib.sha256(payload).digest() + payload


def unsealed(data: bytes) -> dict[str, Any]:
    """The content that was `sealed`, on the CPU; raises `Unusable` where the bytes are unsound."""
    digest, payload = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        raise Unusable("it is damaged")
    _require_stored(payload)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:
        if is_memory(error):
            raise
        # Whatever bytes that are not torch's make it raise; its own words advise to run the file.
        raise Unusable(_NO_SAVE) from error
    if not isinstance(content, dict):
        raise Unusable("it is not what torch saves of a training")
    return content


def _require_stored(payload: bytes) -> None:
    """Raise `Unusable` for what is no archive, or unpacks to more: torch does not compress."""
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            total = sum(member.file_size for member in archive.infolist())
    except Exception as error:  # bytes that are no archive fail in any way
        raise Unusable(_NO_SAVE) from error
    if total > len(payload):
        raise Unusable(f"it unpacks to {total:,} bytes, and torch does not compress")
