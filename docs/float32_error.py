"""How far float32 takes one meta-gradient from float64, by each way to compute blocks.

`python docs/float32_error.py SETTING DRAWS` prints a row for each way: one task, second order,
images and initial weights of as many draws. An error is the norm of the difference over that of the
gradient; a row has the quartiles and the greatest.
"""

import statistics
import sys
from dataclasses import replace

import msgspec
import torch
from torch import Tensor

from baselines.maml import Maml
from suite.data.synthetic import random_batch
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.models import Params, Way, build_network
from suite.outer.gradient import meta_gradient
from suite.rng import generator
from suite.settings import Config, get_setting

WAYS: tuple[Way, ...] = ("separate", "grouped")


def drawn(config: Config, draw: int) -> tuple[Params, TaskBatch]:
    """Initial weights and one task of random images."""
    random = torch.Generator().manual_seed(draw)
    batch = random_batch(config, torch.device("cpu"))
    images = {
        name: torch.rand(getattr(batch, name).shape, generator=random)
        for name in ("support_x", "query_x")
    }
    weights = build_network(config).initial(generator(draw, "initial weights"))
    return weights, replace(batch, **images)


def gradient(
    config: Config, way: Way, weights: Params, batch: TaskBatch, dtype: torch.dtype
) -> Tensor:
    """The meta-gradient of all weights in one vector, float64."""
    params = {name: value[None].to(dtype).requires_grad_() for name, value in weights.items()}
    learner = Learner(config=config, network=build_network(config, way=way), params=params)
    cast = batch.changed(lambda value: value.to(dtype) if value.is_floating_point() else value)
    found = meta_gradient(Maml().objective, learner, cast).gradients
    return torch.cat([value.double().flatten() for value in found.values()])


def main(setting: str, draws: int) -> None:
    """Print the rows."""
    torch.set_num_threads(1)
    config = msgspec.structs.replace(get_setting(setting).config, tasks_per_batch=1)
    errors: dict[Way, list[float]] = {way: [] for way in WAYS}
    for draw in range(draws):
        weights, batch = drawn(config, draw)
        exact = gradient(config, "separate", weights, batch, torch.float64)
        for way in WAYS:
            found = gradient(config, way, weights, batch, torch.float32)
            errors[way].append(float((found - exact).norm() / exact.norm()))
    for way, row in errors.items():
        low, middle, high = statistics.quantiles(row, n=4)
        print(f"| {setting} | {way} | {low:.1e} | {middle:.1e} | {high:.1e} | {max(row):.1e} |")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
