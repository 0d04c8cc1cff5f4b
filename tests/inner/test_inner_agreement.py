"""Float64: the batched inner loop, the per-task `higher` loop and finite differences agree."""

import gc
import weakref
from typing import get_args

import msgspec
import pytest
import torch
from torch.nn import functional as F

from baselines.fomaml import Fomaml
from baselines.maml import Maml
from suite.data.tasks import TaskBatch
from suite.inner.adapt import adapt
from suite.inner.learner import Learner
from suite.inner.reference import reference_meta_gradient
from suite.models import Way, build_network, decisions
from suite.outer.gradient import meta_gradient
from suite.settings import SETTINGS, Config
from suite.settings.datasets import IMAGE_SHAPE

# One setting for each architecture, at its own size but for the number of tasks; with several
# steps and convolutions, of eight filters.
NETWORKS = ["sinusoid", "omniglot-5way-1shot", "omniglot-5way-1shot-mlp", "miniimagenet-5way-1shot"]


def config_for(setting: str, *, steps: int, **changes: object) -> Config:
    config = SETTINGS[setting].config
    if steps > 1 and config.network.startswith("conv"):
        config = msgspec.structs.replace(config, hidden=(8, 8, 8, 8))
    return msgspec.structs.replace(config, inner_steps=steps, tasks_per_batch=3, **changes)


def random_batch(config: Config, *, tasks: int = 3, seed: int = 0) -> TaskBatch:
    generator = torch.Generator().manual_seed(seed)
    examples = {"support": config.k_shot, "query": min(config.n_query, 3)}
    fields = {}
    for part, each in examples.items():
        count = config.n_way * each
        if config.loss == "mse":
            fields[f"{part}_x"] = torch.randn(
                tasks, count, 1, generator=generator, dtype=torch.double
            )
            fields[f"{part}_y"] = torch.sin(fields[f"{part}_x"])
        else:
            shape = (tasks, count, *IMAGE_SHAPE[config.dataset])
            fields[f"{part}_x"] = torch.rand(shape, generator=generator, dtype=torch.double)
            labels = torch.arange(config.n_way).repeat_interleave(each)
            fields[f"{part}_y"] = labels.expand(tasks, -1)
    return TaskBatch(**fields)


def random_params(config: Config, *, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    params = build_network(config).initial(generator)
    # Every weight moves off its initial value, so that no gradient vanishes by symmetry.
    return {
        name: (value.double() + 0.05 * torch.randn(value.shape, generator=generator)).detach()
        for name, value in params.items()
    }


def batched_meta_gradient(config, seeds, batch, method, way=None, **options):
    """Each seed's loss, and its gradient by weight name."""
    stacked = {name: torch.stack([params[name] for params in seeds]) for name in seeds[0]}
    leaves = {name: value.requires_grad_() for name, value in stacked.items()}
    learner = Learner(config=config, network=build_network(config, way=way), params=leaves)
    found = meta_gradient(
        {"maml": Maml, "fomaml": Fomaml}[method]().objective, learner, batch, **options
    )
    by_seed = [
        {name: value[place] for name, value in found.gradients.items()}
        for place in range(len(seeds))
    ]
    return found.losses.tolist(), by_seed


def relative_error(ours, reference):
    error = torch.cat([(ours[name] - reference[name]).flatten() for name in reference])
    scale = torch.cat([value.flatten() for value in reference.values()])
    return float(error.norm() / scale.norm())


@pytest.mark.parametrize(("steps", "seeds"), [(1, 3), (5, 1), (5, 3), (10, 1)])
@pytest.mark.parametrize("method", ["maml", "fomaml"])
@pytest.mark.parametrize("setting", NETWORKS)
def test_batched_equals_per_task_higher(setting, method, steps, seeds):
    config = config_for(setting, steps=steps)
    params = [random_params(config, seed=seed) for seed in range(seeds)]
    batch = random_batch(config, tasks=2 * seeds)
    losses, ours = batched_meta_gradient(config, params, batch, method)
    order = "second" if method == "maml" else "first"
    for seed in range(seeds):
        part = batch.part(seeds, 0, 2).part(1, 2 * seed, 2 * seed + 2)
        loss, reference = reference_meta_gradient(config, params[seed], part, order=order)
        assert set(ours[seed]) == set(reference)
        assert losses[seed] == pytest.approx(float(loss), rel=1e-10)
        assert relative_error(ours[seed], reference) < 1e-10


@pytest.mark.parametrize("way", get_args(Way))
@pytest.mark.parametrize("method", ["maml", "fomaml"])
@pytest.mark.parametrize("setting", ["omniglot-5way-1shot", "miniimagenet-5way-1shot"])
def test_every_way_to_compute_a_block_agrees(setting, method, way):
    config = config_for(setting, steps=5)
    params = [random_params(config, seed=seed) for seed in range(3)]
    batch = random_batch(config, tasks=6)
    _, ours = batched_meta_gradient(config, params, batch, method, way)
    order = "second" if method == "maml" else "first"
    for seed in range(3):
        part = batch.part(1, 2 * seed, 2 * seed + 2)
        _, reference = reference_meta_gradient(config, params[seed], part, order=order)
        assert relative_error(ours[seed], reference) < 1e-10


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("setting", NETWORKS)
def test_chunks_of_a_meta_batch_add_up(setting, chunk):
    config = config_for(setting, steps=2)
    params = [random_params(config, seed=seed) for seed in range(2)]
    batch = random_batch(config, tasks=6)
    losses, whole = batched_meta_gradient(config, params, batch, "maml")
    again, parts = batched_meta_gradient(config, params, batch, "maml", tasks_per_chunk=chunk)
    assert again == pytest.approx(losses, rel=1e-10)
    for one, other in zip(parts, whole, strict=True):
        assert relative_error(one, other) < 1e-10


@pytest.mark.parametrize("setting", NETWORKS)
def test_first_order_is_another_gradient(setting):
    config = config_for(setting, steps=5)
    params, batch = [random_params(config)], random_batch(config)
    _, (second,) = batched_meta_gradient(config, params, batch, "maml")
    _, (first,) = batched_meta_gradient(config, params, batch, "fomaml")
    assert relative_error(first, second) > 1e-3


@pytest.mark.parametrize("way", ["separate", "separate-products"])
@pytest.mark.parametrize("setting", NETWORKS)
def test_both_equal_finite_differences_on_a_smooth_twin(setting, way, monkeypatch):
    monkeypatch.setattr(F, "relu", F.softplus)
    monkeypatch.setattr(F, "max_pool2d", F.avg_pool2d)
    config = config_for(setting, steps=2)
    params, batch = random_params(config), random_batch(config, tasks=2)
    _, (ours,) = batched_meta_gradient(config, [params], batch, "maml", way)
    _, reference = reference_meta_gradient(config, params, batch, order="second", smooth=True)
    assert relative_error(ours, reference) < 1e-10
    check_slope(config, params, batch, ours, way)


def corner(maps):
    """A pool whose upper left place always wins."""
    tasks, batch, height, width, channels = maps.shape
    high, wide = height // 2, width // 2
    places = 2 * torch.arange(high)[:, None] * width + 2 * torch.arange(wide)
    index = places.expand(batch, tasks * channels, high, wide)
    return maps[:, :, : 2 * high : 2, : 2 * wide : 2], index


def every_third_is_off(maps, *_):
    """An activation that lets through by place, whatever the values are."""
    _, _, height, width, channels = maps.shape
    mask = torch.arange(height * width * channels).view(height, width, channels) % 3 != 0
    return maps * mask


@pytest.mark.parametrize("way", ["grouped", "products"])
@pytest.mark.parametrize("setting", ["omniglot-5way-1shot", "miniimagenet-5way-1shot"])
def test_blocks_equal_finite_differences_where_decisions_are_fixed(setting, way, monkeypatch):
    """Pooling before normalising rests on maximum and ReLU; between two decisions it is smooth."""
    monkeypatch.setattr(decisions, "pool", corner)
    monkeypatch.setattr(decisions, "rectify", every_third_is_off)
    monkeypatch.setattr(decisions, "where_positive", every_third_is_off)
    config = config_for(setting, steps=2)
    params, batch = random_params(config), random_batch(config, tasks=2)
    _, (ours,) = batched_meta_gradient(config, [params], batch, "maml", way)
    check_slope(config, params, batch, ours, way)


def check_slope(config, params, batch, ours, way):
    """The meta-gradient `ours` along a random direction is the loss's finite difference."""
    generator = torch.Generator().manual_seed(1)
    direction = {
        name: torch.randn(value.shape, generator=generator, dtype=torch.double)
        for name, value in params.items()
    }
    norm = torch.cat([value.flatten() for value in direction.values()]).norm()
    direction = {name: value / norm for name, value in direction.items()}

    def loss_at(step: float) -> float:
        moved = {name: value + step * direction[name] for name, value in params.items()}
        return batched_meta_gradient(config, [moved], batch, "maml", way)[0][0]

    h = 1e-4
    # Fourth-order central difference.
    slope = (8 * (loss_at(h) - loss_at(-h)) - (loss_at(2 * h) - loss_at(-2 * h))) / (12 * h)
    expected = sum(float((ours[name] * direction[name]).sum()) for name in params)
    assert slope == pytest.approx(expected, rel=1e-7, abs=1e-10)


@pytest.mark.parametrize("change", [{"loss_scale": "mean"}, {"adapt_beta": True}])
def test_the_named_deviations_agree_too(change):
    config = config_for("omniglot-5way-1shot", steps=2, **change)
    params, batch = random_params(config), random_batch(config)
    _, (ours,) = batched_meta_gradient(config, [params], batch, "maml")
    _, reference = reference_meta_gradient(config, params, batch, order="second")
    assert relative_error(ours, reference) < 1e-10


def test_no_graph_is_kept_alive_between_batches():
    config = config_for("sinusoid", steps=2)
    params, batch = random_params(config), random_batch(config)
    leaves = {name: value[None].clone().requires_grad_() for name, value in params.items()}
    learner = Learner(config=config, network=build_network(config), params=leaves)
    *_, fast = adapt(learner, batch, lr=0.01, steps=2, order="second")
    kept = weakref.ref(fast["head.bias"])
    del fast
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("setting", NETWORKS)
def test_bfloat16_rounds_the_operands_and_nothing_else(setting, monkeypatch):
    """On a smooth twin a rounded meta-gradient is off by some percent, and not by nothing."""
    monkeypatch.setattr(F, "relu", F.softplus)
    monkeypatch.setattr(F, "max_pool2d", F.avg_pool2d)
    config = config_for(setting, steps=1)
    params = {name: value.float() for name, value in random_params(config).items()}
    batch = random_batch(config).changed(lambda v: v.float() if v.is_floating_point() else v)
    _, (full,) = batched_meta_gradient(config, [params], batch, "maml", "separate")
    rounded = msgspec.structs.replace(config, precision="bfloat16")
    _, (ours,) = batched_meta_gradient(rounded, [params], batch, "maml", "separate")
    assert {value.dtype for value in ours.values()} == {torch.float32}
    assert 1e-4 < relative_error(ours, full) < 0.3
