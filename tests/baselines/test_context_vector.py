"""The context vector: against a plain loop and finite differences in float64, and as a method."""

import msgspec
import pytest
import torch
from torch.func import functional_call
from torch.nn import functional as F

from baselines.context_vector import ContextVector
from suite.data.images import load_image_data
from suite.data.tasks import TaskBatch
from suite.errors import Stopped
from suite.inner.adapt import adapt
from suite.inner.learner import Learner
from suite.inner.losses import task_losses
from suite.models.modules import ReferenceNetwork
from suite.outer.engine import Engine
from suite.outer.gradient import meta_gradient
from suite.registry import Registry
from suite.run.execute import execute
from suite.run.request import Request
from suite.run.train import Hooks
from suite.settings import Config, get_setting
from suite.settings.datasets import IMAGE_SHAPE

IMAGES = ["omniglot-5way-1shot", "miniimagenet-5way-1shot"]
NETWORKS = ["sinusoid", *IMAGES]


def config_for(setting: str, **changes: object) -> Config:
    config = get_setting(setting).config
    if config.network.startswith("conv"):
        config = msgspec.structs.replace(config, hidden=(6, 5, 4, 4))
    return msgspec.structs.replace(config, inner_steps=2, n_query=2, tasks_per_batch=2, **changes)


def random_batch(config: Config, *, tasks: int = 2, seed: int = 0) -> TaskBatch:
    generator = torch.Generator().manual_seed(seed)
    fields = {}
    for part, each in {"support": config.k_shot, "query": config.n_query}.items():
        shape = (tasks, config.n_way * each, *IMAGE_SHAPE.get(config.dataset, (1,)))
        x = torch.rand(shape, generator=generator, dtype=torch.double)
        labels = torch.arange(config.n_way).repeat_interleave(each).expand(tasks, -1)
        fields |= {f"{part}_x": x, f"{part}_y": (3 * x).sin() if len(shape) == 3 else labels}
    return TaskBatch(**fields)


def learner_for(config: Config, method: ContextVector, *, seeds: int = 1) -> Learner:
    """A learner whose weights are off their initial values."""
    network, generator = method.network(config, 0), torch.Generator().manual_seed(0)
    drawn = [network.initial(generator) for _ in range(seeds)]
    params = {
        name: torch.stack([each[name].double() for each in drawn])
        + 0.05 * torch.randn((seeds, *value.shape), generator=generator)
        for name, value in drawn[0].items()
    }
    leaves = {name: value.detach().requires_grad_() for name, value in params.items()}
    return Learner(config=config, network=network, params=leaves)


def reference(learner: Learner, batch: TaskBatch, *, everything: bool) -> tuple[float, dict]:
    """The meta-loss of one seed and its gradient, task by task, by a plain module."""
    config = learner.config
    module = ReferenceNetwork(config).double()
    first = module.linears[0]
    if config.problem == "regression":
        module.linears[0] = torch.nn.Linear(1 + 5, first.out_features).double()
    else:
        stride, inputs = first.stride, first.in_channels + 3
        module.linears[0] = torch.nn.Conv2d(
            inputs, first.out_channels, 3, stride=stride, padding=1, bias=False
        ).double()
    names = module.weight_names()
    leaves = {n: v[0].detach().requires_grad_() for n, v in learner.params.items()}

    def loss(weights, x, y):
        context = weights["context"].expand(len(x), *weights["context"].shape)
        own = {theirs: weights[ours] for theirs, ours in names.items()}
        outputs = functional_call(module, own, (torch.cat((x, context), dim=1),))
        return task_losses(config, config.k_shot, outputs[None], y[None])[0]

    total = 0.0
    changed = [n for n in leaves if everything and "beta" not in n] or ["context"]
    for task in range(len(batch.support_x)):
        fast = dict(leaves)
        for _ in range(config.inner_steps):
            value = loss(fast, batch.support_x[task], batch.support_y[task])
            slopes = torch.autograd.grad(value, [fast[n] for n in changed], create_graph=True)
            for name, slope in zip(changed, slopes, strict=True):
                fast[name] = fast[name] - config.inner_lr * slope
        total = total + loss(fast, batch.query_x[task], batch.query_y[task])
    total = total / len(batch.support_x)
    gradients = torch.autograd.grad(total, list(leaves.values()))
    return float(total.detach()), dict(zip(leaves, gradients, strict=True))


def relative_error(ours, wanted):
    error = torch.cat([(ours[name] - wanted[name]).flatten() for name in wanted])
    return float(error.norm() / torch.cat([v.flatten() for v in wanted.values()]).norm())


@pytest.mark.parametrize("adapts", ["context", "everything"])
@pytest.mark.parametrize("setting", NETWORKS)
def test_it_equals_a_plain_loop(setting, adapts):
    config, method = config_for(setting), ContextVector(adapts=adapts)
    learner, batch = learner_for(config, method), random_batch(config)
    total, wanted = reference(learner, batch, everything=adapts == "everything")
    for way in (None, *learner.network.ways):
        by_way = learner.network.by_way(way) if way else learner.network
        again = Learner(config=config, network=by_way, params=learner.params)
        found = meta_gradient(method.objective, again, batch)
        assert found.losses.tolist() == pytest.approx([total], rel=1e-10)
        ours = {name: value[0] for name, value in found.gradients.items()}
        assert set(ours) == set(wanted)
        assert relative_error(ours, wanted) < 1e-10
    assert len(learner.network.ways) == (0 if setting == "sinusoid" else 4)


@pytest.mark.parametrize("setting", NETWORKS)
def test_an_inner_step_moves_the_context_alone_and_down_the_slope(setting, monkeypatch):
    """By finite differences of the support loss, on a smooth twin."""
    monkeypatch.setattr(F, "relu", F.softplus)
    monkeypatch.setattr(F, "max_pool2d", F.avg_pool2d)
    config = config_for(setting)
    learner, batch = learner_for(config, ContextVector()), random_batch(config)
    if config.problem == "classification":
        learner = Learner(
            config=config, network=learner.network.by_way("separate"), params=learner.params
        )
    before, after = adapt(learner, batch, lr=config.inner_lr, steps=1, order="second")
    for name in before:
        assert torch.equal(before[name], after[name]) == (name != "context"), name

    def loss_at(context):
        outputs = learner.network.forward(before | {"context": context}, batch.support_x)
        return task_losses(config, config.k_shot, outputs, batch.support_y).detach()

    moved, h = (after["context"] - before["context"]).detach(), 1e-5
    for place in (0, 2, 4):
        step = torch.zeros_like(moved)
        step.flatten(1)[:, place] = h
        slope = (loss_at(before["context"] + step) - loss_at(before["context"] - step)) / (2 * h)
        assert torch.allclose(moved.flatten(1)[:, place], -config.inner_lr * slope, rtol=1e-5)


@pytest.mark.parametrize("setting", NETWORKS)
def test_the_meta_gradient_equals_finite_differences(setting, monkeypatch):
    monkeypatch.setattr(F, "relu", F.softplus)
    monkeypatch.setattr(F, "max_pool2d", F.avg_pool2d)
    config, method = config_for(setting), ContextVector()
    learner, batch = learner_for(config, method), random_batch(config)
    way = "separate" if config.problem == "classification" else None
    network = learner.network.by_way(way) if way else learner.network

    def found(params):
        leaves = {name: value.detach().requires_grad_() for name, value in params.items()}
        again = Learner(config=config, network=network, params=leaves)
        return meta_gradient(method.objective, again, batch)

    gradients, h = found(learner.params).gradients, 1e-5
    first = "layer0.weight" if config.problem == "regression" else "conv0.weight"
    for name in ("context", first, "head.weight"):
        for place in (0, learner.params[name].numel() - 1):
            step = torch.zeros_like(learner.params[name])
            step.view(-1)[place] = h
            ends = [
                found(learner.params | {name: learner.params[name] + sign * step}).losses
                for sign in (1, -1)
            ]
            slope = float(ends[0] - ends[1]) / (2 * h)
            wanted = float(gradients[name].flatten()[place])
            assert slope == pytest.approx(wanted, rel=1e-5, abs=1e-8)


def test_the_sizes_are_those_of_the_authors():
    numbers = {}
    for setting in ("sinusoid", "omniglot-5way-1shot", "omniglot-5way-1shot-mlp"):
        config = get_setting(setting).config
        params = ContextVector().network(config, 0).initial(torch.Generator().manual_seed(0))
        numbers[setting] = params["context"].numel()
        bound = (6 / (1 + numbers[setting])) ** 0.5
        assert 0.5 * bound < float(params["context"].abs().max()) <= bound
    assert list(numbers.values()) == [5, 3 * 28 * 28, 5]


def test_batch_normalisation_of_a_linear_layer_takes_a_context_away():
    config = config_for("omniglot-5way-1shot-mlp", hidden=(8, 8))
    learner, batch = learner_for(config, ContextVector()), random_batch(config)
    before, after = adapt(learner, batch, lr=1.0, steps=1, order="none")
    torch.testing.assert_close(after["context"], before["context"], rtol=0.0, atol=1e-12)


CPU = torch.device("cpu")
SMALL = {"hidden": (16, 16, 16, 16), "tasks_per_batch": 4}


@pytest.fixture(scope="module")
def glyphs():
    return load_image_data("glyphs", root=None)


def run(setting, images, folder, iterations, *, seeds=(0,), hooks=None, **changes):
    setting = get_setting(setting)
    recipe = setting.recipe("context-vector")
    request = Request(
        setting=setting,
        method="context-vector",
        seeds=seeds,
        config=msgspec.structs.replace(recipe.config, **changes),
        schedule=setting.schedule(iterations, "context-vector"),
        protocols=(msgspec.structs.replace(recipe.protocols[0], tasks=100),),
        device=CPU,
        engine=Engine(kind="eager"),
        hooks=hooks or Hooks(),
        checkpoints=folder / "checkpoints",
    )
    return [record for _, record in execute(request, Registry(folder), images).written]


def test_it_learns_to_tell_glyphs_apart(glyphs, tmp_path):
    (record,) = run("glyphs-5way-1shot", glyphs, tmp_path, 200, **SMALL)
    before, after = (record.metrics["accuracy"].by_step[step] for step in (0, 3))
    assert before < 0.25  # which is chance: nothing tells it what the labels mean
    assert after > 0.35


def test_it_learns_to_fit_sinusoids(tmp_path):
    (record,) = run("sinusoid", None, tmp_path, 200, inner_lr=0.1, meta_lr=0.01)
    before, after = (record.metrics["mse"].by_step[step] for step in (0, 10))
    assert after < 0.9 * before


def test_seeds_in_company_and_a_stop_change_nothing(tmp_path):
    """But for rounding: in single precision seeds together are added in another order."""
    changes = {"hidden": (8, 8), "tasks_per_batch": 3, "inner_lr": 0.1}
    (alone,) = run("sinusoid", None, tmp_path / "alone", 12, seeds=(5,), **changes)
    company = run("sinusoid", None, tmp_path / "company", 12, seeds=(2, 5), **changes)
    ours, theirs = (
        torch.tensor([point.validation_metric for point in record.curve])
        for record in (alone, company[1])
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    calls = iter([None] * 6 + ["enough"])
    hooks = Hooks(stop=lambda: next(calls))
    with pytest.raises(Stopped):
        run("sinusoid", None, tmp_path / "stopped", 12, seeds=(5,), hooks=hooks, **changes)
    (again,) = run("sinusoid", None, tmp_path / "stopped", 12, seeds=(5,), **changes)
    assert again.timing.resumes == 1
    assert again.provenance.weights_sha256 == alone.provenance.weights_sha256
