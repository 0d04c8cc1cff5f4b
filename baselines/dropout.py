"""Dropout by the keys of tasks: masks are alike on every device, and after a resume."""

import zlib

import torch
from torch import Tensor

from suite.models.network import Rest
from suite.rng import words

_LEVELS = 1 << 16


def dropout(share: float, keys: Tensor, *, seeds: int, name: str) -> Rest:
    """A function that sets that share of a layer's values to zero and scales the others up.

    It works on the images of all tasks of `seeds` seeds, (task*image, seed*channel, ...); `keys`
    are those of the tasks, (seed*task,). Masks of another name or layer are independent. The share
    is rounded to 16 bits.
    """
    dropped = round(share * _LEVELS)

    def after(layer: str, x: Tensor) -> Tensor:
        if not dropped:
            return x
        row = zlib.crc32(f"{name} {layer}".encode())
        values = x.numel() // len(keys)  # of a task; a word has bits for four
        drawn = words(keys, torch.full_like(keys, row), -(-values // 4)).view(torch.int16)
        kept = drawn[:, :values] >= dropped - _LEVELS // 2
        # Channels are drawn last, as they lie in memory.
        by_seed = kept.reshape(seeds, x.shape[0], *x.shape[2:], -1).movedim(-1, 2)
        scale = _LEVELS / (_LEVELS - dropped)
        return x * (by_seed.transpose(0, 1).flatten(1, 2).to(x.dtype) * scale)

    return after
