"""What this process gives back to the system."""

import ctypes
import sys
from pathlib import Path

import pytest
import torch

from suite.machine import memory


def resident() -> int:
    """Pages of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc's malloc is told")
def test_what_is_free_between_what_is_held_goes_back():
    memory.give_back()
    # Small enough to lie in malloc's heap, where what is held keeps the rest from going back.
    values = [torch.zeros(2**12) for _ in range(4_000)]
    held = values[-1]
    full = resident()
    del values
    memory.give_back()
    assert full - resident() > 0.8 * 4_000 * 2**14 / 4096
    assert not held.any()


def test_another_malloc_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    memory.give_back()
