"""Which seeds are trained side by side."""

import itertools

import torch

from suite.settings import Config


def seed_groups(
    config: Config, seeds: tuple[int, ...], device: torch.device, at_most: int | None
) -> list[tuple[int, ...]]:
    """`seeds` in groups of nearly equal size, in order.

    `at_most` is the user's wish. By default a CPU takes networks together whose arithmetic is
    small beside the cost of launching it, and others one by one.
    """
    size = min(at_most or seeds_that_pay(config, device), len(seeds))
    count = -(-len(seeds) // size)
    bounds = [round(place * len(seeds) / count) for place in range(count + 1)]
    return [seeds[start:stop] for start, stop in itertools.pairwise(bounds)]


def seeds_that_pay(config: Config, device: torch.device) -> int:
    return 1000 if config.network == "mlp" else 1
