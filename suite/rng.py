"""Randomness: named streams, and tasks that are a function of (seed, stream, position).

Tasks come from a counter-based generator instead of a `torch.Generator`: task 1,000 of a stream is
the same on a CPU and on a GPU, whatever the batch size and wherever a run was resumed, and a
checkpoint need only hold the position.
"""

import zlib

import numpy as np
import torch
from torch import Tensor

# Constants of splitmix64 (Steele, Lea, Flood 2014), as signed 64-bit integers.
_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)


def stream_key(seed: int, stream: str) -> int:
    """A signed 64-bit key for the stream of that name under `seed`."""
    entropy = np.random.SeedSequence([seed, zlib.crc32(stream.encode())])
    return int(entropy.generate_state(1, np.uint64).astype(np.int64)[0])


def generator(seed: int, stream: str) -> torch.Generator:
    """A CPU generator for the stream of that name: the same numbers on every device."""
    return torch.Generator().manual_seed(stream_key(seed, stream))


def numpy_generator(seed: int, stream: str, position: int) -> np.random.Generator:
    """What is drawn at that position of the stream of that name, whatever was drawn before."""
    return np.random.default_rng([seed, zlib.crc32(stream.encode()), position])


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift of int64, whose own shift keeps the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Tensor) -> Tensor:
    """The finalizer of splitmix64, a bijection of int64 whose output bits look independent."""
    x = (x ^ _shift_right(x, 30)) * _MIX_1
    x = (x ^ _shift_right(x, 27)) * _MIX_2
    return x ^ _shift_right(x, 31)


def row_keys(key: int | Tensor, rows: Tensor) -> Tensor:
    """A key of its own for each of `rows` of the stream that has `key`; shapes are broadcast."""
    # Not the number that `uniform` begins a row with, whose columns would then be drawn again.
    return mix(mix((rows + 1) * _GAMMA ^ key) ^ _MIX_1)


def words(key: int | Tensor, rows: Tensor, columns: int) -> Tensor:
    """64 random bits each, as int64, that depend on (key, row, column) alone.

    `rows` are int64 positions in a stream, of any shape; keys may be int64 of a shape that
    broadcasts with it. The result is of shape (*rows, columns), on the device of `rows`.
    """
    start = mix((rows + 1) * _GAMMA ^ key)
    column = torch.arange(1, columns + 1, device=rows.device) * _GAMMA
    return mix(start[..., None] + column)


def uniform(key: int | Tensor, rows: Tensor, columns: int) -> Tensor:
    """Uniform numbers in [0, 1), float64, of what `words` gives."""
    return _shift_right(words(key, rows, columns), 11).to(torch.float64) * 2.0**-53
