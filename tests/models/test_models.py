"""The paper's networks: their size, how they start, and that tasks of a batch keep apart."""

import math

import msgspec
import pytest
import torch

from baselines.oracle import Oracle
from suite.models import build_network, per_task
from suite.rng import generator
from suite.settings import SETTINGS, Config, get_setting
from suite.settings.datasets import IMAGE_SHAPE

# settings.md, 4.2 and 5.2, less the convolutions' biases: the batch statistics behind them
# cancel them. The other two are counted by hand.
PARAMETERS = {
    "omniglot-5way-1shot": 112_005 - 4 * 64,
    "omniglot-20way-1shot": 112_005 - 4 * 64 + 15 * (64 + 1),
    "miniimagenet-5way-1shot": 32_773 - 4 * 32,
    "omniglot-5way-1shot-mlp": 785 * 256 + 257 * 128 + 129 * 64 + 65 * 64 + 65 * 5,
    "sinusoid": 2 * 40 + 41 * 40 + 41,
}
NETWORKS = ["sinusoid", "omniglot-5way-1shot", "omniglot-5way-1shot-mlp", "miniimagenet-5way-1shot"]


def initial(config: Config, seed: int = 0) -> dict[str, torch.Tensor]:
    return build_network(config).initial(generator(seed, "initial weights"))


def inputs(config: Config, tasks: int, examples: int) -> torch.Tensor:
    shape = IMAGE_SHAPE.get(config.dataset, (1,))
    return torch.rand((tasks, examples, *shape), generator=generator(0, "inputs"))


@pytest.mark.parametrize("setting", PARAMETERS)
def test_number_of_parameters(setting):
    params = initial(get_setting(setting).config)
    assert sum(value.numel() for value in params.values()) == PARAMETERS[setting]


def test_the_oracle_has_two_more_inputs():
    config = get_setting("sinusoid").config
    params = Oracle().network(config, 0).initial(generator(0, "initial weights"))
    assert sum(value.numel() for value in params.values()) == PARAMETERS["sinusoid"] + 2 * 40


def check_truncated_normal(weight: torch.Tensor) -> None:
    assert float(weight.abs().max()) <= 0.02
    if weight.numel() > 1_000:
        # A normal that is cut at two standard deviations keeps 0.8796 of its own.
        assert float(weight.std()) == pytest.approx(0.008796, rel=0.05)
        assert float(weight.abs().max()) > 0.019


def check_xavier(weight: torch.Tensor) -> None:
    receptive = math.prod(weight.shape[2:])
    bound = math.sqrt(6 / (receptive * (weight.shape[0] + weight.shape[1])))
    assert 0.95 * bound < float(weight.abs().max()) <= bound
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)


def check_normal(weight: torch.Tensor) -> None:
    assert float(weight.std()) == pytest.approx(1.0, rel=0.15)
    assert float(weight.abs().max()) > 2.0


CHECKS = {
    "truncated-normal-0.01": check_truncated_normal,
    "xavier-uniform": check_xavier,
    "normal-1": check_normal,
}


@pytest.mark.parametrize("setting", NETWORKS)
def test_initial_weights_are_drawn_as_the_setting_says(setting):
    config = get_setting(setting).config
    for name, value in initial(config).items():
        if not name.endswith("weight"):
            assert not value.any(), name
            continue
        CHECKS[config.head_init if name.startswith("head") else config.weight_init](value)
        assert abs(float(value.mean())) < 5 * float(value.std()) / math.sqrt(value.numel())


def test_initial_weights_depend_on_the_seed_alone():
    config = get_setting("omniglot-5way-1shot").config
    one, again, other = initial(config, 0), initial(config, 0), initial(config, 1)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def one_seed(config) -> dict[str, torch.Tensor]:
    """Initial weights with the axis of seeds."""
    return {name: value[None] for name, value in initial(config).items()}


@pytest.mark.parametrize("setting", SETTINGS)
def test_one_output_a_class(setting):
    config = get_setting(setting).config
    network = build_network(config)
    with torch.no_grad():
        outputs = network.forward(per_task(one_seed(config), 2), inputs(config, 2, 3))
    assert outputs.shape == (2, 3, config.n_way)
    assert outputs.isfinite().all()


@pytest.mark.parametrize("setting", NETWORKS)
def test_beta_is_meta_learned_and_not_adapted(setting):
    config = get_setting(setting).config
    names = set(initial(config))
    betas = {name for name in names if name.endswith("beta")}
    assert bool(betas) == (config.batch_norm == "batch-statistics")
    assert set(build_network(config).adapted) == names - betas
    adapting = msgspec.structs.replace(config, adapt_beta=True)
    assert set(build_network(adapting).adapted) == names


@pytest.mark.parametrize("setting", NETWORKS)
def test_a_task_does_not_depend_on_the_others(setting):
    config = get_setting(setting).config
    network = build_network(config)
    noise = generator(1, "noise")
    params = {
        name: value.double() + 0.1 * torch.randn(value.shape, generator=noise).double()
        for name, value in per_task(one_seed(config), 3).items()
    }
    x = inputs(config, 3, 6).double()
    with torch.no_grad():
        together = network.forward(params, x)
        for task in range(3):
            own = {name: value[task : task + 1] for name, value in params.items()}
            alone = network.forward(own, x[task : task + 1])[0]
            assert torch.allclose(together[task], alone, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(together[0], together[1])
