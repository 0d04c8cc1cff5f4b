"""Which seeds are trained side by side."""

import itertools

import torch

from baselines import FewShotMethod
from suite.data.synthetic import random_batch
from suite.inner.learner import initial_learner
from suite.machine.environment import free_memory_bytes
from suite.outer.engine import Engine
from suite.outer.gradient import meta_gradient
from suite.settings import Config

# The share of the free memory; the rest is for validation, scoring and what a graph keeps.
_USABLE = 0.7


def seed_groups(seeds: tuple[int, ...], at_most: int) -> list[tuple[int, ...]]:
    """Split `seeds`, in order, into groups of nearly equal size and at most `at_most` seeds."""
    count = -(-len(seeds) // at_most)
    bounds = [round(index * len(seeds) / count) for index in range(count + 1)]
    return [seeds[start:stop] for start, stop in itertools.pairwise(bounds)]


def seeds_that_pay(config: Config, device: torch.device) -> int | None:
    """How many seeds to train together for speed; None for as many as there are.

    On a CPU it pays where the arithmetic is small beside the calls that launch it.
    """
    if config.problem == "policies":
        return 1
    return None if device.type == "cuda" or config.network == "mlp" else 1


def seeds_that_fit(
    method: FewShotMethod, config: Config, device: torch.device, engine: Engine
) -> int:
    """How many seeds the free memory of a GPU holds, from what the meta-gradient of one takes."""
    learner = initial_learner(config, method.network(config, 0), device)
    batch = random_batch(config, device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    chunk = engine.tasks_per_chunk
    meta_gradient(method.objective, learner, batch, tasks_per_chunk=chunk)
    each = torch.cuda.max_memory_allocated(device) - before
    return max(1, int(_USABLE * free_memory_bytes(device) / each))
