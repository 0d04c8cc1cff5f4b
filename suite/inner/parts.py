"""How many test or validation tasks are scored at once: parts that bound memory."""

from collections.abc import Iterator
from itertools import pairwise

import torch

from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE

# What scoring may hold at once. Fixed, so that a score depends on no other use of the machine.
_BYTES = {"cpu": 2**30, "cuda": 2**32}
# With fewer tasks at once some convolutions and products are summed in another order, so that the
# last digits of a score would depend on their number; with four or more only those of the
# sinusoid's oracle do, whose parts are always of the most.
_LEAST_TASKS, _MOST_TASKS = 4, 50
# Values that scoring holds for each of a network's activations.
_COPIES = 3
# Values for each pixel, in a network that only its method knows.
_OWN_ACTIVATIONS = 64


def parts(tasks: int, least: int) -> Iterator[tuple[int, int]]:
    """Yield where each part begins and where it ends; a part has `least` tasks or a few more."""
    count = max(1, tasks // least)
    return pairwise(tasks * number // count for number in range(count + 1))


def tasks_at_once(config: Config, examples: int, device: torch.device) -> int:
    """The number of tasks to score at once, where a task has so many `examples` a class.

    It depends on the shapes of the run alone, and keeps scoring within about 1 GiB of memory on a
    CPU and 4 GiB on a GPU.
    """
    bytes_a_task = 4 * _COPIES * config.n_way * examples * _activations(config)
    return int(min(_MOST_TASKS, max(_LEAST_TASKS, _BYTES[device.type] // bytes_a_task)))


def _activations(config: Config) -> int:
    """Values of all layers for one example."""
    channels, height, width = IMAGE_SHAPE.get(config.dataset, (1, 1, 1))
    total = channels * height * width
    if config.network == "own":
        return total * _OWN_ACTIVATIONS // channels
    for units in config.hidden:
        if config.network == "conv-stride":
            height, width = (height + 1) // 2, (width + 1) // 2
        # Those of a pooled layer are counted before it is pooled.
        total += units * (height * width if config.network.startswith("conv") else 1)
        if config.network == "conv-pool":
            height, width = height // 2, width // 2
    return total
