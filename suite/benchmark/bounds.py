"""A bound on memory, so that what wants too much fails and nothing else is killed."""

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from suite.machine.environment import free_memory_bytes

_USABLE = 0.7
_STATUS = Path("/proc/self/status")


@contextmanager
def bounded(device: torch.device) -> Iterator[None]:
    """Within, on a CPU, this process can take 70 % of the memory that is free, and no more.

    An allocation beyond that fails (`suite.machine.failures.is_memory`). On a GPU, which refuses by
    itself, and where there is no /proc, nothing is bounded.
    """
    if device.type != "cpu" or not _STATUS.exists():
        yield
        return
    held = int(re.findall(r"VmData:\s+(\d+) kB", _STATUS.read_text())[0]) * 1024
    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = held + int(_USABLE * free_memory_bytes(device))
    resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
