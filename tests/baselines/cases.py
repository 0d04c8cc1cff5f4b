"""Small classifiers in float64 and random tasks for them."""

import msgspec
import torch
from torch import Tensor

from baselines.linear_head import LinearHead
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.settings import Config, get_setting
from suite.settings.datasets import IMAGE_SHAPE

NETWORKS = ["omniglot-5way-1shot", "omniglot-5way-5shot-mlp", "miniimagenet-5way-1shot"]
CLASSES = 7


def config_for(setting: str) -> Config:
    config = get_setting(setting).recipe("pretraining").config
    hidden = (6, 5, 4, 3) if config.network == "mlp-bn" else (4, 4, 4, 4)
    return msgspec.structs.replace(config, hidden=hidden)


def random_params(config: Config, *, seed: int = 0) -> dict[str, Tensor]:
    """Without a task axis; all are off their initial values, the averages too.

    Some gammas are negative.
    """
    generator = torch.Generator().manual_seed(seed)
    params = LinearHead().network(config, CLASSES).initial(generator)
    moved = {
        name: value.double() + 0.1 * torch.rand(value.shape, generator=generator)
        for name, value in params.items()
    }
    return {n: v - 0.5 if n.endswith("gamma") else v for n, v in moved.items()}


def learner_for(config: Config, *, seeds: int = 1) -> Learner:
    """A learner with random weights, other ones for each seed."""
    each = [random_params(config, seed=seed) for seed in range(seeds)]
    params = {name: torch.stack([one[name] for one in each]) for name in each[0]}
    network = LinearHead().network(config, CLASSES)
    return Learner(config=config, network=network, params=params, key=17)


def random_tasks(config: Config, *, tasks: int, n_query: int = 2, seed: int = 1) -> TaskBatch:
    generator = torch.Generator().manual_seed(seed)
    shape = IMAGE_SHAPE[config.dataset]

    def part(each: int) -> tuple[Tensor, Tensor]:
        labels = torch.arange(config.n_way).repeat_interleave(each).expand(tasks, -1)
        size = (tasks, config.n_way * each, *shape)
        # What tells the classes apart, so that predictions are not all of one class.
        level = labels.reshape(*labels.shape, 1, 1, 1) / config.n_way
        x = torch.rand(size, generator=generator, dtype=torch.double) * (0.3 + level)
        return x, labels

    support, query = part(config.k_shot), part(n_query)
    return TaskBatch(support_x=support[0], support_y=support[1], query_x=query[0], query_y=query[1])
