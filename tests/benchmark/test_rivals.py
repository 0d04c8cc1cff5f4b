"""What the benchmark compares computes the same, and its floor counts what there is to do."""

import resource
from dataclasses import replace

import msgspec
import pytest
import torch

from suite.benchmark import memory, report, speed
from suite.benchmark.bounds import bounded
from suite.benchmark.floor import Counter, Rates, Work, measure_rates
from suite.benchmark.rivals import RIVALS
from suite.data.synthetic import random_batch
from suite.inner.learner import initial_learner
from suite.machine.environment import free_memory_bytes
from suite.machine.failures import is_memory
from suite.models import build_network
from suite.models.convolution import conv2d
from suite.outer.gradient import meta_gradient
from suite.settings import SETTINGS

CPU = torch.device("cpu")
IMAGES = ("omniglot-5way-1shot", "omniglot-5way-1shot-mlp", "miniimagenet-5way-1shot")


def small(setting: str):
    config = SETTINGS[setting].config
    hidden = (4, 4) if config.network.startswith("conv") else (8,)
    return msgspec.structs.replace(
        config, tasks_per_batch=2, inner_steps=2, n_query=1, hidden=hidden
    )


@pytest.mark.parametrize("order", ["second", "first"])
@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("setting", ["sinusoid", *IMAGES])
def test_rivals_compute_our_meta_gradient(setting, rival, order):
    if rival not in speed.rivals(order):
        pytest.skip(f"{rival} is not installed, or has no {order} order")
    config = small(setting)
    learner = initial_learner(config, build_network(config), CPU)
    params = {name: value.detach().double() for name, value in learner.params.items()}
    batch = random_batch(config, CPU).changed(lambda v: v.double() if v.is_floating_point() else v)
    for name, value in params.items():
        learner.params[name] = value.requires_grad_()
    method = {"second": speed.Maml, "first": speed.Fomaml}[order]()
    ours = meta_gradient(method.objective, learner, batch).gradients
    theirs = RIVALS[rival].gradient(
        config, {n: v[0].detach() for n, v in params.items()}, batch, order
    )
    assert set(theirs) == set(ours)
    error = torch.cat([(ours[name][0] - theirs[name]).flatten() for name in ours])
    scale = torch.cat([value.flatten() for value in ours.values()])
    assert float(error.norm() / scale.norm()) < 1e-10


def test_the_counter_knows_groups_and_gradients():
    tasks, batch, n_in, n_out, side = 3, 2, 4, 5, 6
    x = torch.rand(batch, tasks * n_in, side, side)
    weight = torch.rand(tasks, n_out, n_in, 3, 3, requires_grad=True)
    forward = 2 * batch * tasks * n_out * side * side * n_in * 9
    with Counter() as counter:
        y = conv2d(x, weight, stride=1)
    assert counter.work.flops == forward
    assert counter.work.traffic == 4 * (x.numel() + weight.numel() + y.numel())
    with Counter() as counter:
        y.sum().backward()
    assert counter.work.flops == forward  # the gradient for x is not wanted
    with Counter() as counter:
        torch.rand(2, 3, 4) @ torch.rand(2, 4, 5)
    assert counter.work.flops == 2 * 2 * 3 * 4 * 5


def test_the_count_of_a_setting_is_that_of_the_notes():
    """10.0 GFLOP for Omniglot 5-way 1-shot, 88.7 for mini-ImageNet: shared/docs/engine.md."""
    for setting, expected in (("omniglot-5way-1shot", 10.0e9), ("miniimagenet-5way-1shot", 88.7e9)):
        with Counter() as counter:
            speed.ours(SETTINGS[setting].config, CPU, "second")()
        assert counter.work.flops == pytest.approx(expected, rel=0.05)


def test_the_floor_is_the_greater_of_arithmetic_and_traffic():
    rates = Rates(flops=10.0, traffic=2.0)
    assert rates.floor(Work(flops=20, traffic=1)) == 2.0
    assert rates.floor(Work(flops=20, traffic=10)) == 5.0
    measured = measure_rates(CPU)
    assert measured.flops > 1e8
    assert measured.traffic > 1e7


def test_a_timing_is_interleaved_and_its_ratio_lies_between_its_extremes():
    calls = []
    work = {name: (lambda name=name: calls.append(name)) for name in (speed.REFERENCE, "b")}
    rounds = speed.interleaved(work, CPU, budget=0.0)
    assert calls == [speed.REFERENCE, "b"] * 4  # the first round does not count
    timing = speed.Timed(setting="s", order="first", rounds=rounds, floor=1e-9)
    median, least, greatest = timing.ratio("b")
    assert 0 < least <= median <= greatest


def test_what_memory_does_not_hold_is_left_out(caplog):
    def huge():
        return torch.ones(2**38)  # a terabyte

    rounds = speed.interleaved({speed.REFERENCE: lambda: None, "huge": huge}, CPU, budget=0.0)
    assert list(rounds) == [speed.REFERENCE]
    assert "huge is not timed" in caplog.text


def test_another_library_that_fails_is_left_out_and_ours_is_not(caplog):
    def failing():
        raise ValueError("an operator that it lacks")

    work = {speed.REFERENCE: lambda: None, "torchopt": failing}
    assert list(speed.interleaved(work, CPU, budget=0.0)) == [speed.REFERENCE]
    assert "torchopt is not timed: it failed: ValueError: an operator that it lacks" in caplog.text
    with pytest.raises(ValueError, match="an operator"):
        speed.interleaved({"ours, eager": failing}, CPU, budget=0.0)


def test_a_bound_holds_within_and_is_gone_after():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded(CPU), pytest.raises(RuntimeError) as caught:
        torch.empty(free_memory_bytes(CPU), dtype=torch.uint8)
    assert is_memory(caught.value)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.slow
def test_peak_memory_grows_with_the_tasks():
    config = msgspec.structs.replace(SETTINGS["omniglot-5way-1shot"].config, tasks_per_batch=4)
    few = memory.peak_bytes(config, "ours", CPU)
    many = memory.peak_bytes(msgspec.structs.replace(config, tasks_per_batch=64), "ours", CPU)
    assert many > few + 50e6


@pytest.mark.slow
def test_the_report_has_every_part(tmp_path, monkeypatch):
    settings = {
        name: msgspec.structs.replace(SETTINGS[name], config=small(name)) for name in IMAGES
    }
    settings["sinusoid"] = SETTINGS["sinusoid"]
    monkeypatch.setattr(speed, "SETTINGS", settings)
    monkeypatch.setattr(report, "SETTINGS", settings)
    compiled = ("sinusoid",)
    text = report.measured(CPU, IMAGES, budget=0.0, compiled=compiled, with_memory=False)
    for wanted in (*IMAGES, *("per-task higher", "torch.func vmap"), "floor", "threads: "):
        assert wanted in text
    for way in ("separate", "grouped", "products"):
        assert f"ours, eager, {way}" in text
    assert "nan" not in text
    brief = report.measured(
        CPU, ["sinusoid"], budget=0.0, compiled=(), with_memory=False, brief=True
    )
    assert ("| second" in brief, "| first" in brief, "## Growth" in brief) == (True, True, False)
    assert ("per-task higher" in brief, "torch.func vmap" in brief) == (True, False)


def test_a_rival_that_is_not_installed_is_named(monkeypatch):
    absent = replace(RIVALS["torchopt"], is_here=lambda: False)
    monkeypatch.setitem(RIVALS, "torchopt", absent)
    assert "torchopt" not in speed.rivals("second")
    (line,) = report._absent()
    assert line.startswith("Missing")
    assert "torchopt" in line
    assert speed.rivals("first")[0] == speed.REFERENCE
