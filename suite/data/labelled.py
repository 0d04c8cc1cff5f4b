"""Labelled images of the training classes in mini-batches, to train a classifier on."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.data.episodes import TURNS, distinct, pixels, turns_as_classes
from suite.data.tasks import TaskBatch
from suite.errors import UsageError
from suite.rng import row_keys, uniform

_PER_CLASS = 5


@dataclass(frozen=True, kw_only=True)
class LabelledStream:
    """Mini-batches as Ravi and Larochelle draw them: `size` of 5 distinct images of every class.

    A `TaskStream` whose task is a mini-batch: a label is the index of the class among its seed's
    training classes. With `rotations`, each image is turned by its own multiple of 90 degrees; with
    `rotated_classes`, each of the four turns of a class is a class.
    """

    keys: tuple[int, ...]
    """One a seed; see `suite.rng.stream_key`."""
    images: Tensor  # (class, image, channel, height, width) uint8, on the device
    classes: Tensor  # (seed, training classes) int64: indices into the first axis of `images`
    size: int
    rotations: bool
    rotated_classes: bool = False

    def __post_init__(self) -> None:
        available = self._n_classes * self._per_class
        if self.size > available:
            raise UsageError(f"a mini-batch wants {self.size} of {available} images")

    @property
    def _n_classes(self) -> int:
        return self.classes.shape[1] * turns_as_classes(self.rotated_classes)

    @property
    def _per_class(self) -> int:
        return min(_PER_CLASS, self.images.shape[1])

    @functools.cached_property
    def _keys(self) -> Tensor:
        return torch.tensor(self.keys, device=self.images.device)[:, None]

    def batch(self, start: int | Tensor, tasks: int, k_shot: int, n_query: int) -> TaskBatch:
        """See `TaskStream`; `tasks` mini-batches, whatever the shots. The query is the support."""
        n_classes, available = self._n_classes, self.images.shape[1]
        rows = start + torch.arange(tasks, device=self.images.device)
        widths = (n_classes * available, n_classes * self._per_class, self.size)
        unit = uniform(self._keys, rows, sum(widths)).flatten(0, 1)  # (task, column)
        by_image, by_slot, by_turn = unit.split(widths, dim=1)
        of_class = distinct(by_image.unflatten(1, (n_classes, available)), self._per_class)
        slots = distinct(by_slot, self.size)  # (task, example): a class, and one of its five
        labels = slots // self._per_class
        images = of_class.flatten(1).gather(1, slots)
        of_seed = self.classes[:, None].expand(-1, tasks, -1).flatten(0, 1)
        picked = labels // turns_as_classes(self.rotated_classes)
        turns = labels % TURNS if self.rotated_classes else (by_turn * TURNS).long()
        chosen = (of_seed.gather(1, picked), images[..., None], turns)
        turned = self.rotations or self.rotated_classes
        x = pixels(self.images, *chosen, rotations=turned).flatten(1, 2)
        keys = row_keys(self._keys, rows).flatten()
        return TaskBatch(support_x=x, support_y=labels, query_x=x, query_y=labels, keys=keys)
