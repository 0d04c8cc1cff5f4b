"""The memory module of Kaiser et al. 2017: a convolutional network learns keys for a memory.

In training, several episodes go side by side and share a memory, which is empty when they begin.
The network is shown one image of each at a time, and takes a step of Adam every time: an iteration
is one presentation. At test each episode has a memory of its own, which goes on learning, while no
weight changes. As in the released code (tensorflow/models,
research/learning_to_remember_rare_events); `baselines.key_memory` has the memory itself.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from msgspec import Meta
from torch import Tensor
from torch.nn import functional as F

from baselines.following import follow
from baselines.key_memory import KeyMemory, cleared, empty, margin_loss, taught
from baselines.options import Count, FromZero, Positive
from baselines.presentations import ByPresentation, by_class, drawn_by
from baselines.unheeded import WITH_OWN_NETWORK
from suite.data.tasks import TaskBatch
from suite.errors import UsageError
from suite.inner.learner import Learner, shared_outputs
from suite.models import Network, Params
from suite.models.layers import Statistics, linear, normalise
from suite.outer.optimizer import OuterOptimizer, adam
from suite.rng import uniform
from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE

_SHOWN = "memory.shown"
"""How many images of the episodes under way have been shown."""


@dataclass(frozen=True, kw_only=True)
class MemoryModule(ByPresentation):
    """The label of the nearest key, by features that are trained to be nearest to right keys."""

    name: ClassVar[str] = "memory-module"
    unheeded: ClassVar[frozenset[str]] = WITH_OWN_NETWORK
    training_options: ClassVar[frozenset[str]] = frozenset(
        {"filters", "features", "keep", "pixels"}
        | {"memory_size", "among", "margin", "age_noise", "adam_eps"}
    )
    sources: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("filters", "keep", "adam_eps"), "released model.py"),
        **dict.fromkeys(("among", "margin", "age_noise"), "released memory.py"),
        "features": "an author (tensorflow/models, issue 2477): the released 128 do not do in "
        "20-way",
        "memory_size": "released train.py",
        "pixels": "released data_utils.py, which does not scale them",
    }
    clip_norm: ClassVar[float | None] = 5.0
    filters: Annotated[tuple[Count, ...], Meta(min_length=1)] = (64, 64, 128, 128)
    """The filters of each convolution; pooling follows every second one."""
    features: Count = 256
    """How many features an image has, and so a key."""
    keep: Annotated[float, Meta(gt=0, le=1)] = 0.3
    """The share of the features that dropout leaves in training."""
    memory_size: Count = 8192
    """Slots of the memory; those that nothing can reach are left out (`slots`)."""
    among: Count = 256
    """In so many slots training looks for the nearest right and the nearest wrong key."""
    margin: FromZero = 0.1
    """By how much a right key must be nearer than a wrong one for the least loss."""
    age_noise: FromZero = 8.0
    """The greatest number that is added to an age, or taken away, to tell the oldest slot."""
    adam_eps: Positive = 1e-4
    """The eps of Adam."""
    pixels: Literal["0-255", "ink"] = "0-255"
    """What the network sees: paper as 255 and ink as 0, as released, or ink as 1."""

    def shared_config(self, config: Config) -> Config | None:
        """One evaluation has all shots."""
        return config

    def iterations_per_batch(self, config: Config) -> int:
        """The images of an episode, which are shown one in each."""
        return config.n_way * (config.k_shot + config.n_query)

    def optimizer(self, params: Sequence[Tensor], lr: float, *, capturable: bool) -> OuterOptimizer:
        return adam(params, lr, capturable=capturable, eps=self.adam_eps)

    def slots(self, images: int) -> int:
        """How many slots a memory needs that is shown so many images.

        These are the slots that can be written, and `among` that stay empty: further empty ones
        would change nothing. It never has more than `memory_size`.
        """
        return min(self.memory_size, images + self.among)

    def network(self, config: Config, classes: int) -> Network:
        """`features` are of (seed, image, *input), and `forward` makes queries of them.

        The memory lies among the weights, where a training keeps it.
        """
        episodes = config.tasks_per_batch
        slots = self.slots(episodes * self.iterations_per_batch(config))
        if slots < episodes:
            raise UsageError(f"memory_size={slots} is less than tasks_per_batch={episodes}")

        def initial(generator: torch.Generator) -> Params:
            params = self._weights(config, generator)
            memory = empty(params["query.weight"], 1, slots, episodes * config.n_way)
            params |= {name: value[0] for name, value in _named(memory).items()}
            return params | {_SHOWN: torch.zeros(1)}

        def forward(
            params: Params, images: Tensor, /, *, statistics: Statistics = normalise
        ) -> Tensor:
            return _queries(params, self._features(params, images))

        def features(
            params: Params, images: Tensor, /, *, statistics: Statistics = normalise
        ) -> Tensor:
            return self._features(params, images)

        averages = (*(f"memory.{name}" for name in KeyMemory.__dataclass_fields__), _SHOWN)
        return Network(
            initial=initial, forward=forward, features=features, adapted=(), averages=averages
        )

    def _weights(self, config: Config, generator: torch.Generator) -> Params:
        def drawn(std: float, *shape: int) -> Tensor:
            value, most = torch.empty(shape), 2.0 * std
            return torch.nn.init.trunc_normal_(value, 0.0, std, -most, most, generator)

        channels, height, width = IMAGE_SHAPE[config.dataset]
        smaller = 2 ** (len(self.filters) // 2)
        if smaller > min(height, width):
            raise UsageError(
                f"filters={list(self.filters)}: every second layer halves the image, which has "
                f"{height}x{width} pixels"
            )
        flat = self.filters[-1] * (height // smaller) * (width // smaller)
        params = {}
        for layer, (n_in, n_out) in enumerate(itertools.pairwise((channels, *self.filters))):
            params[f"conv{layer}.weight"] = drawn(0.1, n_out, n_in, 3, 3)
            params[f"conv{layer}.bias"] = torch.zeros(n_out)
        params["features.weight"] = drawn(0.1, self.features, flat)
        params["features.bias"] = torch.zeros(self.features)
        params["query.weight"] = drawn(0.01, self.features, self.features)
        return params

    def _features(self, params: Params, images: Tensor) -> Tensor:
        x = 255.0 * (1.0 - images) if self.pixels == "0-255" else images
        seeds = len(x)
        x = x.transpose(0, 1).flatten(1, 2)  # (image, seed*channel, height, width)
        for layer in range(len(self.filters)):
            weight, bias = params[f"conv{layer}.weight"], params[f"conv{layer}.bias"]
            x = F.conv2d(x, weight.flatten(0, 1), bias.flatten(), padding=1, groups=seeds)
            x = F.relu(x)
            if layer % 2:
                x = F.max_pool2d(x, 2)
        x = x.unflatten(1, (seeds, -1)).transpose(0, 1).flatten(2)
        return linear(x, params["features.weight"], params["features.bias"])

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """The loss of the image of each task that is shown next; its gradient moves the memory too.

        The outputs, for the curve, are right for all queries of a task or for none, as the answer
        to that image was.
        """
        config, params, seeds = learner.config, learner.params, learner.seeds
        tasks = len(batch.support_x) // seeds
        if tasks != config.tasks_per_batch:
            raise UsageError(f"{self.name}: the tasks of a batch share a memory, in one chunk")
        shown = params[_SHOWN].detach().round().long()  # (seed, 1)
        keys = drawn_by(batch).view(seeds, tasks)
        episode = torch.arange(tasks, device=learner.device)
        turn = shown.expand(-1, tasks)  # (seed, task)
        classes, images = _at(turn.reshape(-1, 1), *_order(config, batch))
        seen = learner.network.features(params, images.view(seeds, tasks, *images.shape[1:]))
        left = uniform(keys, 2 * turn + 1, self.features) < self.keep
        queries = _queries(params, seen * left / self.keep)
        labels = (classes.view(seeds, tasks) + config.n_way * episode).to(queries)
        memory = cleared(_held(params), shown[:, 0] == 0)
        among = min(self.among, memory.ages.shape[1])
        losses = margin_loss(memory, queries, labels, among=among, margin=self.margin)
        noise = self._noise(memory, keys[:, 0], shown[:, 0])
        answers, after = taught(memory, queries.detach(), labels, noise)
        length = self.iterations_per_batch(config)
        moved = _named(after) | {_SHOWN: ((shown + 1) % length).to(queries)}
        moving = follow(params, moved).repeat_interleave(tasks)
        wrong = (answers != labels).view(-1, 1).long()
        outputs = F.one_hot((batch.query_y + wrong) % config.n_way, config.n_way)
        return losses.flatten() + moving, outputs.to(queries)

    def answers(self, learner: Learner, batch: TaskBatch) -> Tensor:
        """The answers of one memory a task, which is told the label of every image."""
        config, keys = learner.config, drawn_by(batch)
        order, images = _order(config, batch)
        tasks, length = order.shape
        memory, said = None, []
        for step in range(length):
            turn = torch.full_like(keys, step)
            classes, now = _at(turn[:, None], order, images)
            queries = shared_outputs(learner, now[:, None])  # (task, 1, feature)
            memory = memory or empty(queries, tasks, self.slots(length), config.n_way)
            noise = self._noise(memory, keys, turn)
            answers, memory = taught(memory, queries, classes[:, None].to(queries), noise)
            said.append(answers.long())
        shape = (-1, config.n_way)
        by_turn, of_class = torch.cat(said, dim=1).unflatten(1, shape), order.unflatten(1, shape)
        by_label = torch.empty_like(by_turn).scatter_(2, of_class, by_turn)
        return F.one_hot(by_label.transpose(0, 1), config.n_way).to(queries)

    def _noise(self, memory: KeyMemory, keys: Tensor, turn: Tensor) -> Tensor:
        """(memory, slot), from the key of each memory and how many images it was shown."""
        drawn = uniform(keys, 2 * turn + 2, memory.ages.shape[1])
        return (self.age_noise * (2.0 * drawn - 1.0)).to(memory.ages)


def _order(config: Config, batch: TaskBatch) -> tuple[Tensor, Tensor]:
    """The classes in the order in which they are shown, (task, step), and all images by class.

    Every class is shown once before any is shown again.
    """
    images = by_class(config, batch)  # (task, way, image, *input)
    keys, count = drawn_by(batch), images.shape[2]
    unit = uniform(keys, torch.zeros_like(keys), count * config.n_way)
    return unit.unflatten(1, (count, config.n_way)).argsort(dim=2).flatten(1), images


def _at(turn: Tensor, order: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """The class of each task's image at step `turn`, (task, 1), and the image: (task,), (task, *).

    At step t, a class is shown for the (t // way)-th time, from 0 on.
    """
    task = torch.arange(len(order), device=order.device)
    classes = order.gather(1, turn)[:, 0]
    return classes, images[task, classes, turn[:, 0] // images.shape[1]]


def _queries(params: Params, features: Tensor) -> Tensor:
    """(seed, image, feature), of length 1, of features of that shape."""
    return F.normalize(linear(features, params["query.weight"]), dim=-1)


def _held(params: Params) -> KeyMemory:
    """The memory among the weights; what counts is whole again, whatever a step has rounded."""
    held = {name: params[f"memory.{name}"].detach() for name in KeyMemory.__dataclass_fields__}
    return KeyMemory(**{name: v if name == "keys" else v.round() for name, v in held.items()})


def _named(memory: KeyMemory) -> Params:
    return {f"memory.{name}": value for name, value in vars(memory).items()}
