"""Small embeddings in float64, random tasks for them, and the same by plain modules."""

from dataclasses import replace
from typing import Any

import msgspec
import torch
from torch import Tensor

from baselines import FewShotMethod
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.settings import Config, get_setting
from suite.settings.datasets import IMAGE_SHAPE
from tests.baselines.plain_classifier import PlainClassifier, plain

EPSILON = 1e-6
GLYPHS = get_setting("glyphs-5way-1shot")


def config_for(method: FewShotMethod, **changes: Any) -> Config:
    config = GLYPHS.recipe(method.name).config
    return msgspec.structs.replace(config, **{"hidden": (4, 4, 4, 4)} | changes)


def learner_for(method: FewShotMethod, config: Config, *, seeds: int = 1) -> Learner:
    """Weights are off their initial values, averages too; some gammas are negative."""
    network = method.network(config, 0)
    each = []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        drawn = network.initial(generator)
        moved = {n: v.double() + 0.1 * _noise(v, generator) for n, v in drawn.items()}
        each.append({n: v - 0.5 if n.endswith("gamma") else v for n, v in moved.items()})
    params = {n: torch.stack([one[n] for one in each]).requires_grad_() for n in each[0]}
    return Learner(config=config, network=network, params=params)


def _noise(value: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(value.shape, generator=generator, dtype=torch.double)


def random_tasks(config: Config, *, tasks: int, seed: int = 1, **changes: Any) -> TaskBatch:
    """In which nothing of an image is told by its class but its brightness."""
    config = msgspec.structs.replace(config, **changes)
    generator = torch.Generator().manual_seed(seed)

    def part(each: int) -> tuple[Tensor, Tensor]:
        labels = torch.arange(config.n_way).repeat_interleave(each).expand(tasks, -1)
        x = torch.rand(
            (*labels.shape, *IMAGE_SHAPE[config.dataset]), generator=generator, dtype=torch.double
        )
        return x * (0.3 + labels[..., None, None, None] / config.n_way), labels

    (support_x, support_y), (query_x, query_y) = part(config.k_shot), part(config.n_query)
    return TaskBatch(
        support_x=support_x,
        support_y=support_y,
        query_x=query_x,
        query_y=query_y,
        keys=torch.arange(tasks) * 7919 + seed,
    )


def plain_embedding(config: Config, params: dict[str, Tensor]) -> PlainClassifier:
    """The plain network with `params`, which have no seed axis; its last layer is not used."""
    size = PlainClassifier(config, 1).head.weight.shape[1]
    head = {"head.weight": torch.zeros(1, size), "head.bias": torch.zeros(1)}
    return plain(config, params | head)


def of_seed(learner: Learner, seed: int) -> dict[str, Tensor]:
    return {name: value[seed].detach() for name, value in learner.params.items()}


def finite_difference(
    method: FewShotMethod, learner: Learner, batch: TaskBatch, name: str, place: int
) -> float:
    """The derivative of the summed losses for one coordinate of a weight."""

    def at(shift: float) -> float:
        value = learner.params[name].detach().clone()
        value.view(-1)[place] += shift
        moved = replace(learner, params=learner.params | {name: value})
        return float(method.objective(moved, batch)[0].detach().sum())

    return (at(EPSILON) - at(-EPSILON)) / (2 * EPSILON)
