"""The energy that a device has used, where its driver reports it: NVIDIA's GPUs, since Volta."""

from collections.abc import Callable

import torch

from suite.machine.gpu import driver_handle


class Meter:
    """Counts all energy that a device uses, whichever process makes it work."""

    def __init__(self, device: torch.device) -> None:
        self._total = _total_of(device)
        self._last = self._total() if self._total else 0.0

    def joules(self) -> float | None:
        """Joules since the last call; None where the driver reports none."""
        if self._total is None:
            return None
        total = self._total()
        used, self._last = total - self._last, total
        return used


def _total_of(device: torch.device) -> Callable[[], float] | None:
    """The driver's own count in joules, from some start of its choice."""
    handle = driver_handle(device) if device.type == "cuda" else None
    if handle is None:
        return None
    import pynvml

    try:
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return None
    return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000.0
