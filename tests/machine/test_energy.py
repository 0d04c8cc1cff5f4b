"""The energy of a device, from a driver that a test plays; on a real one, see the `gpu` test."""

import sys

import pytest
import torch

from suite.errors import Stopped
from suite.machine.energy import Meter
from suite.outer.snapshot import initial as initial_of
from suite.outer.state import stack
from suite.run import checkpoint, train
from suite.run.train import Hooks, repeat
from suite.settings import Schedule, get_setting

CPU = torch.device("cpu")
CUDA = torch.device("cuda:0")


def test_joules_since_the_last_reading(driver):
    meter = Meter(CUDA)
    driver.millijoules += 1_500
    assert meter.joules() == 1.5
    assert meter.joules() == 0.0


def test_a_cpu_tells_nothing(driver):
    assert Meter(CPU).joules() is None


def test_a_driver_that_cannot_tell(driver, monkeypatch):
    def refuses(self, handle):
        raise driver.NVMLError("Not Supported")

    monkeypatch.setattr(type(driver), "nvmlDeviceGetTotalEnergyConsumption", refuses)
    assert Meter(CUDA).joules() is None


def test_no_management_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert Meter(CUDA).joules() is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_real_device_uses_energy():
    meter = Meter(torch.device("cuda"))
    x = torch.rand(4096, 4096, device="cuda")
    for _ in range(200):
        x = torch.tanh(x @ x)
    torch.cuda.synchronize()
    assert meter.joules() > 0.0


@pytest.fixture
def training(driver, monkeypatch, tmp_path):
    """Two seeds whose every iteration takes 2 J of a device that tells it."""
    monkeypatch.setattr(train, "Meter", lambda device: Meter(CUDA))
    config = get_setting("sinusoid").config
    start = initial_of({"weight": torch.zeros(1)})
    paths = (tmp_path / "0.pt", tmp_path / "1.pt")

    def run(state=None, stop=None):
        state = state or stack([start, initial_of(start.params)], config, CPU)

        class Iterate:
            engine = "eager"

            def __call__(self):
                driver.millijoules += 2_000
                state.iteration += 1

        hooks = Hooks(checkpoints=paths, stop=lambda: stop if state.iteration == 3 else None)
        schedule = Schedule(name="shortened", iterations=8, validate_every=4)
        repeat(Iterate(), lambda: [0.0, 0.0], schedule, state, hooks, higher_is_better=True)
        return state

    run.saved = lambda: stack([checkpoint.load(path, start) for path in paths], config, CPU)
    return run


def test_seeds_share_what_their_training_used(training):
    assert [history.joules for history in training().histories] == [8.0, 8.0]


def test_a_resume_adds_to_what_was_used_before(training, driver):
    with pytest.raises(Stopped):
        training(stop="enough")
    driver.millijoules += 9_000_000
    assert [history.joules for history in training(training.saved()).histories] == [8.0, 8.0]


def test_a_sum_with_a_part_unknown_is_unknown(training, monkeypatch):
    with pytest.raises(Stopped):
        training(stop="enough")
    state = training.saved()
    monkeypatch.setattr(train, "Meter", lambda device: Meter(CPU))
    assert [history.joules for history in training(state).histories] == [None, None]
