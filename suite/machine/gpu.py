"""What the driver of NVIDIA's GPUs tells of one."""

from typing import Any, NamedTuple

import torch


class Use(NamedTuple):
    """The shares of a GPU that are in use, by whichever process."""

    busy: float
    """The share of the last moment in which it computed something."""
    memory: float


def driver_handle(device: torch.device) -> Any | None:
    """What pynvml's functions take for a GPU; None where there is no driver to ask."""
    try:
        # Here, since it is of use on a GPU only.
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        uuid = torch.cuda.get_device_properties(device).uuid
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except pynvml.NVMLError:
        return None


def use_of(device: torch.device) -> Use | None:
    """How much of that GPU is used now; None where its driver does not tell."""
    handle = driver_handle(device)
    if handle is None:
        return None
    import pynvml

    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        busy = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    except pynvml.NVMLError:
        return None
    return Use(busy, memory.used / memory.total)


def name_of_first() -> str | None:
    """That of this machine's first GPU, which this process may not use; None if it is not told."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        name: str = pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(0))
    except pynvml.NVMLError:
        return None
    return name
