"""Every engine carries out the same iterations."""

import dataclasses
import shutil
from typing import get_args

import msgspec
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from baselines import method_of
from suite.data.images import ImageData
from suite.data.source import task_source
from suite.data.tasks import Batches
from suite.errors import UsageError
from suite.inner.learner import Learner
from suite.models import Way
from suite.outer import compiled as compiled_module
from suite.outer.choice import Chooser
from suite.outer.compiled import NotCompiled, compile_gradient
from suite.outer.engine import Engine, Iteration, Kind, device_step, host_step
from suite.outer.gradient import meta_gradient
from suite.outer.state import TrainingState, stack
from suite.run.train import initial_snapshot
from suite.settings import get_setting

CPU = torch.device("cpu")
CUDA = torch.device("cuda")
replace = msgspec.structs.replace
SINUSOID = replace(get_setting("sinusoid").config, tasks_per_batch=4)
GLYPHS = replace(
    get_setting("glyphs-5way-1shot").config, tasks_per_batch=2, hidden=(4, 4), inner_steps=2
)
POOLED = replace(GLYPHS, network="conv-pool", meta_grad_clip=10.0)
# One block and one step: compiling takes minutes for more.
BLOCK = replace(POOLED, hidden=(4,), inner_steps=1)
CONFIGS = {"sinusoid": SINUSOID, "stride": GLYPHS, "pool": POOLED}
SEEDS = (0, 3)

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs g++")


def images() -> ImageData:
    rng = np.random.default_rng(0)
    return ImageData(
        name="glyphs",
        images=rng.integers(0, 256, (1623, 3, 1, 28, 28), dtype=np.uint8),
        classes=tuple(f"class{number:04}" for number in range(1623)),
        fingerprint="0",
        warnings=(),
    )


class Case:
    """A training that is about to begin."""

    def __init__(self, kind: str, method: str = "maml", device: torch.device = CPU) -> None:
        self.config = (CONFIGS | {"block": BLOCK})[kind]
        self.method = method_of(get_setting("sinusoid"), method)
        network = self.method.network(self.config, 0)
        snapshots = [initial_snapshot(network, seed) for seed in SEEDS]
        self.state = stack(snapshots, self.config, device)
        self.learner = Learner(config=self.config, network=network, params=self.state.params)
        source = task_source(self.config, SEEDS, device, None if kind == "sinusoid" else images())
        self.batches = Batches(
            source.streams("train"),
            tasks=self.config.tasks_per_batch,
            k_shot=self.config.k_shot,
            n_query=self.config.n_query,
            ahead=3,
        )

    def gradient(self, learner, batch):
        return meta_gradient(self.method.objective, learner, batch)

    def iteration(self, engine: Engine) -> Iteration:
        objective = self.method.objective
        return Iteration(engine, objective, self.learner, self.batches, self.state, 5, "maml")


def weights(state: TrainingState) -> torch.Tensor:
    return torch.cat([value.detach().cpu().flatten() for value in state.params.values()])


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_step_that_takes_its_position_from_the_device_is_the_same_step(kind):
    one, other = Case(kind), Case(kind)
    here = host_step(one.gradient, one.learner, one.batches, one.state)
    there = device_step(other.gradient, other.learner, other.batches, other.state)
    for _ in range(5):
        here()
        one.state.iteration += 1
        there()
    assert torch.equal(weights(one.state), weights(other.state))
    assert torch.equal(one.state.sums, other.state.sums)


class Recorder(TorchDispatchMode):
    """Notes what is called, and refuses what a CUDA graph cannot hold."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.where: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func)
        for waiting in ("_local_scalar_dense", "nonzero", "item", "masked_select", "unique"):
            assert waiting not in name, f"{name} makes the host wait for the device"
        self.calls.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", ["maml", "fomaml"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_step_never_waits_for_the_device_and_is_always_the_same(kind, method):
    case = Case(kind, method)
    step = device_step(case.gradient, case.learner, case.batches, case.state)
    step()  # what is kept between steps is made
    sequences = []
    places = [parameter.data_ptr() for parameter in case.state.params.values()]
    for _ in range(2):
        with Recorder() as recorder:
            step()
        sequences.append(recorder.calls)
    assert sequences[0] == sequences[1]
    assert len(sequences[0]) > 50
    # A replay writes where the capture wrote.
    assert places == [parameter.data_ptr() for parameter in case.state.params.values()]


@pytest.mark.parametrize("kind", CONFIGS)
def test_tasks_and_meta_gradient_stay_on_the_device(kind):
    """The meta device stands in for a GPU: it refuses operands and decisions of the host."""
    case = Case(kind)
    meta = torch.device("meta")
    source = task_source(case.config, SEEDS, meta, None if kind == "sinusoid" else images())
    shape = {"tasks": 2, "k_shot": case.config.k_shot, "n_query": case.config.n_query}
    batches = Batches(source.streams("train"), **shape, ahead=1)
    params = {n: v.detach().to(meta).requires_grad_() for n, v in case.learner.params.items()}
    learner = Learner(config=case.config, network=case.learner.network, params=params)
    found = case.gradient(learner, batches.at(torch.zeros((), dtype=torch.int64, device=meta)))
    devices = {value.device for value in (found.losses, found.scores, *found.gradients.values())}
    assert devices == {meta}


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "method"), [("sinusoid", "maml"), ("sinusoid", "fomaml"), ("block", "maml")]
)
def test_compiled_is_eager_in_float64(kind, method):
    case = Case(kind, method)
    batch = case.batches(0).changed(lambda v: v.double() if v.is_floating_point() else v)
    params = {n: v.detach().double().requires_grad_() for n, v in case.learner.params.items()}
    learner = Learner(config=case.config, network=case.learner.network, params=params)
    fused = compile_gradient(case.gradient, learner, batch)
    found, expected = fused(learner, batch), case.gradient(learner, batch)
    assert torch.allclose(found.losses, expected.losses, rtol=1e-10)
    assert torch.allclose(found.scores, expected.scores, rtol=1e-10)
    for name, value in expected.gradients.items():
        error = (found.gradients[name] - value).norm() / value.norm().clamp_min(1e-12)
        assert float(error) < 1e-9, name


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(set(get_args(Kind)) - {"auto", "eager", "graph"}))
def test_a_training_by_another_engine_ends_as_the_eager_one(kind):
    """Graphs need a GPU, and are held to it below."""
    one, other = Case("sinusoid"), Case("sinusoid")
    eager, another = one.iteration(Engine(kind="eager")), other.iteration(Engine(kind=kind))
    assert (eager.engine, another.engine) == ("eager", kind)
    for _ in range(5):
        eager()
        another()
    assert one.state.iteration == other.state.iteration == 5
    assert torch.allclose(weights(one.state), weights(other.state), rtol=1e-4, atol=1e-6)


def test_where_compiling_fails_training_goes_on_without(monkeypatch, caplog):
    def fails(*_):
        raise RuntimeError("no C++ compiler\nsecond line")

    monkeypatch.setattr(compiled_module, "_compile", fails)
    case = Case("sinusoid")
    iterate = case.iteration(Engine(kind="compiled"))
    assert (
        "not compiled: RuntimeError: no C++ compiler second line; going on without" in caplog.text
    )
    iterate()
    assert (iterate.engine, case.state.iteration) == ("eager", 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auto", Engine()),
        ("eager", Engine(kind="eager")),
        ("eager, grouped", Engine(kind="eager", way="grouped")),
        ("graph,separate-products", Engine(kind="graph", way="separate-products")),
        ("compiled+graph, products", Engine(kind="compiled", way="products")),
    ],
)
def test_a_name_says_engine_and_way(name, expected):
    assert Engine.named(name) == expected


@pytest.mark.parametrize("name", ["", "fast", "eager,", "eager, fast", "auto, grouped", "a, b, c"])
def test_other_names_are_mistakes(name):
    with pytest.raises(UsageError, match="--engine"):
        Engine.named(name)


@pytest.mark.parametrize("way", get_args(Way))
@pytest.mark.parametrize("kind", ["stride", "pool"])
def test_a_way_that_is_named_is_gone_and_told(kind, way, monkeypatch):
    one, other = Case(kind), Case(kind)
    monkeypatch.setattr(Chooser, "fastest", None)  # nothing is timed
    told = one.iteration(Engine(kind="eager", way=way))
    told()
    assert told.engine == f"eager, {way}"
    again = other.iteration(Engine.named(told.engine))
    again()
    assert torch.equal(weights(one.state), weights(other.state))


def test_an_engine_without_a_way_goes_the_first_one(monkeypatch):
    monkeypatch.setattr(Chooser, "fastest", None)
    assert Case("pool").iteration(Engine(kind="eager")).engine == "eager, separate"


def test_a_network_with_one_way_has_no_other():
    with pytest.raises(UsageError, match="no such way"):
        Case("sinusoid").iteration(Engine(kind="eager", way="grouped"))


def test_auto_asks_for_the_fastest(monkeypatch):
    monkeypatch.setattr(Chooser, "fastest", lambda self, batch: "products")
    assert Case("pool").iteration(Engine()).engine == "eager, products"


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ("eager, products", "eager, products"),
        ("graph, grouped", "eager, grouped"),  # from a GPU to a CPU
        ("eager", "eager, separate"),  # of a time before there was a choice
        ("something", "eager, grouped"),
    ],
)
def test_a_resumed_training_goes_on_in_its_own_way(saved, expected, monkeypatch):
    monkeypatch.setattr(Chooser, "fastest", lambda self, batch: "grouped")
    case = Case("pool")
    case.state.iteration = 1
    for history in case.state.histories:
        history.engine = saved
    assert case.iteration(Engine()).engine == expected


def test_bfloat16_goes_the_first_way(monkeypatch):
    monkeypatch.setattr(Chooser, "fastest", None)
    case = Case("pool")
    config = replace(case.config, precision="bfloat16")
    case.learner = dataclasses.replace(case.learner, config=config)
    assert case.iteration(Engine()).engine == "eager, separate"


def test_a_wrong_compiled_gradient_is_not_used(monkeypatch):
    case = Case("sinusoid")

    def doubles(gradient, learner, batch):
        def wrong(learner, batch):
            found = gradient(learner, batch)
            return found + found

        return wrong

    monkeypatch.setattr(compiled_module, "_compile", doubles)
    with pytest.raises(NotCompiled, match="losses differ"):
        compile_gradient(case.gradient, case.learner, case.batches(0))


@pytest.mark.parametrize(
    ("device", "network", "iterations", "expected"),
    [
        ("cuda", "conv-pool", 60_000, "graph"),
        ("cpu", "conv-stride", 60_000, "eager"),
        ("cpu", "mlp", 70_000, "compiled"),
        ("cpu", "mlp", 5_000, "eager"),
    ],
)
def test_what_auto_chooses(device, network, iterations, expected):
    config = replace(SINUSOID, network=network)
    assert Engine().chosen(torch.device(device), config, iterations) == expected


def test_a_graph_on_a_cpu_is_a_mistake():
    with pytest.raises(UsageError, match="--engine eager or compiled"):
        Engine(kind="graph").check(CPU)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("engine", ["graph", "compiled"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_replayed_iterations_are_those_of_eager(kind, engine):
    one, other = Case(kind, device=CUDA), Case(kind, device=CUDA)
    eager, replayed = one.iteration(Engine(kind="eager")), other.iteration(Engine(kind=engine))
    for _ in range(8):
        eager()
        replayed()
    assert "graph" in replayed.engine
    assert torch.allclose(weights(one.state), weights(other.state), rtol=1e-3, atol=1e-5)
    assert torch.allclose(one.state.sums, other.state.sums, rtol=1e-3)


@pytest.mark.parametrize("way", get_args(Way))
@pytest.mark.parametrize("kind", ["stride", "pool"])
def test_a_step_of_adam_does_not_feel_how_gradients_lie_in_memory(kind, way):
    """Torch's fused Adam reads a gradient and its parameter as flat arrays on a CPU."""
    case = Case(kind)
    before = {n: v.detach().clone().requires_grad_() for n, v in case.state.params.items()}
    plain = torch.optim.Adam(before.values(), lr=case.config.meta_lr, foreach=False, fused=False)
    learner = dataclasses.replace(case.learner, network=case.learner.network.by_way(way))
    found = case.gradient(learner, case.batches(0)).gradients
    if way == "grouped":  # the case in question
        assert any(not value.is_contiguous() for value in found.values())
    clip = case.config.meta_grad_clip
    for name, parameter in before.items():
        parameter.grad = found[name].contiguous()
        if clip is not None:
            parameter.grad.clamp_(-clip, clip)
    plain.step()
    case.iteration(Engine(kind="eager", way=way))()
    for name, parameter in case.state.params.items():
        assert parameter.grad.stride() == parameter.stride(), name
        torch.testing.assert_close(parameter, before[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["sinusoid", "pool"])
def test_the_gradient_of_each_seed_is_scaled_to_the_greatest_norm(kind):
    case = Case(kind)
    found = case.gradient(case.learner, case.batches(0)).gradients
    clip = case.config.meta_grad_clip or float("inf")
    flat = torch.cat([value.clamp(-clip, clip).flatten(1) for value in found.values()], dim=1)
    norms = flat.norm(dim=1)
    greatest = float(norms.mean())
    assert float(norms.min()) < 0.999 * greatest < greatest < 0.999 * float(norms.max())
    host_step(case.gradient, case.learner, case.batches, case.state, greatest)()
    taken = torch.cat([value.grad.flatten(1) for value in case.state.params.values()], dim=1)
    for before, norm, after in zip(flat, norms, taken, strict=True):
        torch.testing.assert_close(after, before * min(1.0, greatest / float(norm)))
    assert torch.allclose(taken.norm(dim=1), norms.clamp_max(greatest))


def test_a_gradient_of_zero_has_a_norm_too():
    case = Case("sinusoid")
    before = weights(case.state)

    def nothing(learner, batch):
        found = case.gradient(learner, batch)
        zero = {name: torch.zeros_like(value) for name, value in found.gradients.items()}
        return dataclasses.replace(found, gradients=zero)

    host_step(nothing, case.learner, case.batches, case.state, 0.25)()
    assert torch.equal(weights(case.state), before)
