"""The energy that a device has used, where its driver reports it: NVIDIA's GPUs, since Volta."""

from collections.abc import Callable

import torch


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
    if device.type != "cuda":
        return None
    try:
        # Here, since it is of use on a GPU only.
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        uuid = torch.cuda.get_device_properties(device).uuid
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return None
    return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000.0
