"""The use of a GPU, from a driver that a test plays."""

import sys

import pytest
import torch

from suite.machine.gpu import Use, name_of_first, use_of

CUDA = torch.device("cuda:0")


def test_the_use_is_what_the_driver_tells(driver):
    assert use_of(CUDA) == Use(0.37, 0.25)
    assert name_of_first() == "NVIDIA X1"


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetUtilizationRates"])
def test_a_driver_that_does_not_tell(driver, monkeypatch, call):
    def fails(*_):
        raise driver.NVMLError

    monkeypatch.setattr(driver, call, fails)
    assert use_of(CUDA) is None
    monkeypatch.setattr(driver, "nvmlDeviceGetName", fails)
    assert name_of_first() is None


def test_no_driver(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert use_of(CUDA) is None
    assert name_of_first() is None
