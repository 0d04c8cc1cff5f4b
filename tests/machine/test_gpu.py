"""The use of a GPU, from a driver that a test plays."""

import sys
import types

import pytest
import torch

from suite.machine.gpu import Use, use_of

CUDA = torch.device("cuda:0")


class Driver(types.ModuleType):
    """NVIDIA's management library."""

    class NVMLError(Exception):
        pass

    def nvmlInit(self):  # noqa: N802
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        return uuid

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        assert handle == "GPU-of-this-test"
        return types.SimpleNamespace(used=20, total=80)

    def nvmlDeviceGetUtilizationRates(self, handle):  # noqa: N802
        return types.SimpleNamespace(gpu=37)


@pytest.fixture
def driver(monkeypatch):
    found = Driver("pynvml")
    monkeypatch.setitem(sys.modules, "pynvml", found)
    properties = types.SimpleNamespace(uuid="of-this-test")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    return found


def test_the_use_is_what_the_driver_tells(driver):
    assert use_of(CUDA) == Use(0.37, 0.25)


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetUtilizationRates"])
def test_a_driver_that_does_not_tell(driver, monkeypatch, call):
    def fails(*_):
        raise Driver.NVMLError

    monkeypatch.setattr(driver, call, fails)
    assert use_of(CUDA) is None


def test_no_driver(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert use_of(CUDA) is None
