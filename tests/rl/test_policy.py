"""Densities and divergences are torch's own."""

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from baselines.policies import ContextPolicy
from suite.rl.policy import distribution, divergence, initial_policy, log_density
from suite.settings import get_setting


def policies(seed):
    drawn = [initial_policy(4, 3, (7, 6), torch.Generator().manual_seed(seed + i)) for i in (0, 1)]
    params = {name: torch.stack([each[name].double() for each in drawn]) for name in drawn[0]}
    params["log_std"] = params["log_std"] + torch.tensor([[0.1, -0.5, 0.3], [-1.0, 0.0, 0.2]])
    return params


def normal(params, observations):
    mean, log_std = distribution(params, observations)
    return Independent(Normal(mean, log_std.exp().expand_as(mean)), 1)


def test_each_task_has_its_own_network():
    params, observations = policies(0), torch.randn(2, 5, 4).double()
    mean, _ = distribution(params, observations)
    assert mean.shape == (2, 5, 3)
    for task in range(2):
        x = observations[task]
        for layer in range(3):
            x = x @ params[f"layer{layer}.weight"][task].T + params[f"layer{layer}.bias"][task]
            x = x.relu() if layer < 2 else x
        torch.testing.assert_close(mean[task], x)


def test_a_context_stands_behind_every_observation():
    params = policies(0)
    told, observations = torch.randn(2, 1).double(), torch.randn(2, 5, 3).double()
    wanted, _ = distribution(params, torch.cat((observations, told[:, None].expand(2, 5, 1)), 2))
    found, _ = distribution(params | {"context": told}, observations)
    torch.testing.assert_close(found, wanted, rtol=0.0, atol=0.0)


@pytest.mark.parametrize(("adapts", "everything"), [("context", False), ("everything", True)])
def test_a_context_policy_adapts_that_alone(adapts, everything):
    config = get_setting("point-navigation").config
    network = ContextPolicy(adapts=adapts, numbers=4).network(config, 0)
    params = network.initial(torch.Generator().manual_seed(0))
    assert params["context"].shape == (4,)
    assert params["layer0.weight"].shape == (100, 2 + 4)
    assert set(network.adapted) == (set(params) if everything else {"context"})


def test_the_standard_deviation_has_a_floor():
    params = policies(0) | {"log_std": torch.full((2, 3), -50.0).double()}
    _, log_std = distribution(params, torch.zeros(2, 1, 4).double())
    torch.testing.assert_close(log_std.exp(), torch.full((2, 1, 3), 1e-6).double())


def test_density_and_divergence():
    observations = torch.randn(2, 5, 4).double()
    old, new = policies(0), policies(5)
    actions = torch.randn(2, 5, 3).double()
    torch.testing.assert_close(
        log_density(new, observations, actions), normal(new, observations).log_prob(actions)
    )
    found = divergence(distribution(old, observations), distribution(new, observations))
    wanted = kl_divergence(normal(old, observations), normal(new, observations))
    torch.testing.assert_close(found, wanted)


def test_initial_policies():
    params = initial_policy(20, 6, (100, 100), torch.Generator().manual_seed(0))
    assert params["layer1.weight"].shape == (100, 100)
    bound = (6.0 / 200.0) ** 0.5
    assert 0.99 * bound < float(params["layer1.weight"].abs().max()) <= bound
    assert all(not value.any() for name, value in params.items() if "weight" not in name)
