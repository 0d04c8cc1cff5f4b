"""The Gaussian policy: a mean by a network, a standard deviation that no state changes.

As the authors' `maml_minimal_gauss_mlp_policy.py` has it. Weights carry a leading task axis; the
inner loop adapts all of them, `log_std` too, where a method does not say otherwise. A policy with a
`context` among its weights sees that behind each observation.
"""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.envs import make_environment
from suite.models import Network, Params
from suite.models.context import initial_context, with_context
from suite.models.init import xavier_uniform
from suite.models.layers import Statistics, linear, normalise
from suite.settings import Config

_LEAST_LOG_STD = math.log(1e-6)
Activation = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Activation] = {"relu": F.relu, "tanh": torch.tanh}
"""The activations of hidden units, by the names of `Config.activation`."""

_HALF_LOG_TAU = 0.5 * math.log(2.0 * math.pi)


def initial_policy(
    inputs: int, actions: int, hidden: tuple[int, ...], generator: torch.Generator
) -> Params:
    """Weights by Xavier's uniform rule, biases 0, standard deviations 1; no task axis."""
    params = {}
    for layer, (n_in, n_out) in enumerate(itertools.pairwise((inputs, *hidden, actions))):
        params[f"layer{layer}.weight"] = xavier_uniform((n_out, n_in), generator)
        params[f"layer{layer}.bias"] = torch.zeros(n_out)
    return params | {"log_std": torch.zeros(actions)}


def policy_network(config: Config, *, informed: bool, context: int = 0) -> Network:
    """The policy of the environment that `config` names; `informed` widens its input by the goal.

    Its forward pass gives the means of the actions. A `context` of so many numbers stands among its
    weights.
    """
    environment = make_environment(config.dataset)
    goal = environment.test_goals().shape[1] if informed else 0
    inputs, actions = environment.observation_size + goal + context, environment.action_size

    def initial(generator: torch.Generator) -> Params:
        params = initial_policy(inputs, actions, config.hidden, generator)
        return params | (initial_context((context,), generator) if context else {})

    activation = ACTIVATIONS[config.activation]

    def forward(
        params: Params, observations: Tensor, /, *, statistics: Statistics = normalise
    ) -> Tensor:
        return distribution(params, observations, activation)[0]

    def features(
        params: Params, observations: Tensor, /, *, statistics: Statistics = normalise
    ) -> Tensor:
        return hidden_units(params, observations, activation)

    return Network(
        initial=initial,
        forward=forward,
        features=features,
        adapted=tuple(initial(torch.Generator())),
    )


def hidden_units(params: Params, observations: Tensor, activation: Activation = F.relu) -> Tensor:
    """(task, sample, observation) to those of the last hidden layer, (task, sample, unit)."""
    x = with_context(params, observations)
    for layer in range(_last_layer(params)):
        x = activation(linear(x, params[f"layer{layer}.weight"], params[f"layer{layer}.bias"]))
    return x


def _last_layer(params: Params) -> int:
    return sum(name.endswith(".weight") for name in params) - 1


def distribution(
    params: Params, observations: Tensor, activation: Activation = F.relu
) -> tuple[Tensor, Tensor]:
    """(task, sample, observation) to means (task, sample, action) and log sds (task, 1, action)."""
    seen, last = hidden_units(params, observations, activation), f"layer{_last_layer(params)}"
    mean = linear(seen, params[f"{last}.weight"], params[f"{last}.bias"])
    return mean, params["log_std"].clamp(min=_LEAST_LOG_STD).unsqueeze(1)


def log_density(
    params: Params, observations: Tensor, actions: Tensor, activation: Activation = F.relu
) -> Tensor:
    """The log density of `actions` (task, sample, action), in nats: (task, sample)."""
    mean, log_std = distribution(params, observations, activation)
    away = (actions - mean) * torch.exp(-log_std)
    return (-0.5 * away**2 - log_std - _HALF_LOG_TAU).sum(-1)


def divergence(old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> Tensor:
    """Kullback-Leibler's, of the old from the new distribution, in nats: (task, sample)."""
    (old_mean, old_log), (new_mean, new_log) = old, new
    spread = torch.exp(2.0 * (old_log - new_log))
    away = ((old_mean - new_mean) * torch.exp(-new_log)) ** 2
    return (0.5 * (spread + away - 1.0) + new_log - old_log).sum(-1)
