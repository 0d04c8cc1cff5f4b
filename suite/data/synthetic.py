"""Random tasks in the shapes of a setting, to measure time and memory with."""

import torch

from suite.data.tasks import TaskBatch
from suite.rng import generator, row_keys
from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE


def random_batch(
    config: Config, device: torch.device, seeds: int = 1, side: int | None = None
) -> TaskBatch:
    """One meta-batch for each of `seeds` of random inputs in the shapes of `config`.

    `side` is the height and width of images, by default those of the data set.
    """
    random = generator(0, "benchmark")
    tasks, parts = seeds * config.tasks_per_batch, {}
    for part, each in (("support", config.k_shot), ("query", config.n_query)):
        count = config.n_way * each
        shape = IMAGE_SHAPE.get(config.dataset, (1,))
        if side is not None:
            shape = (shape[0], side, side)
        x = torch.rand((tasks, count, *shape), generator=random).to(device)
        labels = torch.arange(config.n_way, device=device).repeat_interleave(each)
        parts[f"{part}_x"] = x
        parts[f"{part}_y"] = x.sin() if config.problem == "regression" else labels.expand(tasks, -1)
    keys = row_keys(0, torch.arange(tasks, device=device))
    return TaskBatch(**parts, keys=keys)
