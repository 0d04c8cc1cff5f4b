"""The driver of NVIDIA's GPUs, played."""

import sys
import types

import pytest
import torch


class Driver(types.ModuleType):
    """NVIDIA's management library, with one device, which has used `millijoules`."""

    class NVMLError(Exception):
        """What the library raises."""

    millijoules = 5_000

    def nvmlInit(self) -> None:  # noqa: N802
        """Nothing has to be prepared."""

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        """The device."""
        return uuid

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        """The device."""
        assert index == 0
        return "GPU-of-this-test"

    def nvmlDeviceGetName(self, handle: str) -> str:  # noqa: N802
        """What it is sold as."""
        assert handle == "GPU-of-this-test"
        return "NVIDIA X1"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        """Its energy so far."""
        assert handle == "GPU-of-this-test"
        return self.millijoules

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> types.SimpleNamespace:  # noqa: N802
        """A quarter of its memory is used."""
        assert handle == "GPU-of-this-test"
        return types.SimpleNamespace(used=20, total=80)

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> types.SimpleNamespace:  # noqa: N802
        """It was busy for 37 % of the last moment."""
        return types.SimpleNamespace(gpu=37)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """The library, in place of whichever is installed."""
    found = Driver("pynvml")
    monkeypatch.setitem(sys.modules, "pynvml", found)
    properties = types.SimpleNamespace(uuid="of-this-test")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    return found
