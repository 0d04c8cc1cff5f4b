"""Sinusoid tasks: y = A sin(x - phi), whatever is drawn beside."""

import math

import numpy as np
import pytest
import torch

from suite.data.sinusoid import SinusoidStream
from suite.rng import stream_key

FIELDS = ("support_x", "support_y", "query_x", "query_y", "told")


@pytest.fixture
def stream() -> SinusoidStream:
    return SinusoidStream(keys=(stream_key(0, "train"),), device=torch.device("cpu"))


def test_parameters_and_inputs_fill_the_papers_ranges(stream):
    batch = stream.batch(0, 4_000, 5, 5)
    inputs = torch.cat((batch.support_x, batch.query_x), dim=1)
    drawn = {
        (0.1, 5.0): batch.told[:, 0],
        (0.0, math.pi): batch.told[:, 1],
        (-5.0, 5.0): inputs.flatten(),
    }
    for (low, high), values in drawn.items():
        slack = 0.005 * (high - low)
        assert low <= float(values.min()) < low + slack
        assert high - slack < float(values.max()) <= high
        spread = (high - low) / math.sqrt(12)
        error = 5 * spread / math.sqrt(values.numel())
        assert float(values.mean()) == pytest.approx((low + high) / 2, abs=error)
        assert float(values.std()) == pytest.approx(spread, rel=0.03)
    assert abs(np.corrcoef(batch.told.T.numpy())[0, 1]) < 5 / math.sqrt(4_000)


@pytest.mark.parametrize("part", ["support", "query"])
def test_targets_follow_from_amplitude_and_phase_without_noise(stream, part):
    batch = stream.batch(7, 50, 4, 6)
    x, y = (getattr(batch, f"{part}_{axis}").double() for axis in "xy")
    amplitude, phase = batch.told.double().T[..., None, None]
    assert (y - amplitude * torch.sin(x - phase)).abs().max() < 1e-5


def test_shapes(stream):
    batch = stream.batch(0, 3, 5, 7)
    assert batch.support_x.shape == batch.support_y.shape == (3, 5, 1)
    assert batch.query_x.shape == batch.query_y.shape == (3, 7, 1)
    assert batch.told.shape == (3, 2)
    assert {getattr(batch, field).dtype for field in FIELDS} == {torch.float32}


def test_the_sinusoid_does_not_depend_on_how_many_points_are_drawn(stream):
    five, twenty = stream.batch(0, 10, 5, 5), stream.batch(0, 10, 20, 20)
    assert torch.equal(five.told, twenty.told)
    assert torch.equal(five.support_x, twenty.support_x[:, :5])


def test_tasks_do_not_depend_on_the_batch(stream):
    whole = stream.batch(3, 8, 5, 5)
    parts = stream.batch(3, 3, 5, 5), stream.batch(6, 5, 5, 5)
    for field in FIELDS:
        joined = torch.cat([getattr(part, field) for part in parts])
        assert torch.equal(joined, getattr(whole, field))
    assert len({tuple(task.tolist()) for task in whole.told}) == 8


def test_a_grid_keeps_the_tasks_and_their_support(stream):
    drawn, grid = stream.batch(2, 4, 5, 5), stream.on_grid(2, 4, 5, 101)
    for field in ("support_x", "support_y", "told"):
        assert torch.equal(getattr(grid, field), getattr(drawn, field))
    expected = torch.linspace(-5, 5, 101).expand(4, -1)
    assert torch.allclose(grid.query_x[..., 0], expected, atol=1e-6)
    amplitude, phase = grid.told.T[..., None]
    assert torch.allclose(grid.query_y[..., 0], amplitude * torch.sin(expected - phase), atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_draws_the_same_inputs(stream):
    gpu = SinusoidStream(keys=stream.keys, device=torch.device("cuda"))
    ours, cpu = gpu.batch(5, 100, 5, 5), stream.batch(5, 100, 5, 5)
    for field in ("support_x", "query_x", "told"):
        assert torch.equal(getattr(ours, field).cpu(), getattr(cpu, field))
    # The sine is the device's own.
    assert torch.allclose(ours.query_y.cpu(), cpu.query_y, atol=1e-6)
