"""The identity of a run, hashed."""

import hashlib
from typing import Any

import msgspec

from suite.registry.schema import Identity

KEY_DIGITS = 12


def canonical(value: Any) -> bytes:
    """`value` as JSON with sorted keys and without the fields that stand at their default."""
    return msgspec.json.encode(msgspec.to_builtins(value), order="sorted")


def digest(value: Any) -> str:
    """The first `KEY_DIGITS` hexadecimal digits of the sha256 of `canonical(value)`."""
    return hashlib.sha256(canonical(value)).hexdigest()[:KEY_DIGITS]


def _parts(identity: Identity) -> dict[str, Any]:
    parts = {name: getattr(identity, name) for name in Identity.__struct_fields__}
    data = identity.data
    return {**parts, "data": {"fingerprint": data.fingerprint, "split": data.split}}


def run_key(identity: Identity) -> str:
    """The key of a run: of everything that its result depends on but the machine.

    A `Record` is an `Identity` too, so that a record's key can be checked.
    """
    return digest(_parts(identity))


def training_key(identity: Identity) -> str:
    """The key of a trained model: of all that `run_key` hashes but the protocol."""
    parts = _parts(identity)
    del parts["protocol"]
    return digest(parts)
