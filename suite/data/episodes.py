"""Few-shot classification tasks, drawn by indexing from images that live on the device."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.data.tasks import TaskBatch
from suite.errors import UsageError
from suite.rng import row_keys, uniform

TURNS = 4
"""Turns of an image by multiples of 90 degrees."""


def turns_as_classes(rotated_classes: bool) -> int:
    """How many classes come of one: see `Config.rotated_classes`."""
    return TURNS if rotated_classes else 1


@functools.lru_cache(maxsize=4)
def _rotations(size: int, device: torch.device) -> Tensor:
    """(4, size*size): where each pixel of an image turned by 0, 90, 180, 270 degrees comes from."""
    pixels = torch.arange(size * size).reshape(size, size)
    return torch.stack([torch.rot90(pixels, turns).flatten() for turns in range(4)]).to(device)


def distinct(unit: Tensor, count: int) -> Tensor:
    """The indices of the `count` least numbers along the last axis: a draw without replacement."""
    return unit.topk(count, largest=False).indices


def pixels(
    source: Tensor, classes: Tensor, images: Tensor, turns: Tensor, *, rotations: bool
) -> Tensor:
    """Images (task, way, image, channel, height, width) of `source`, float32 in [0, 1].

    `classes` is (task, way), and `images` of each are taken, (task, way, image). With `rotations`,
    those of a class are turned by its quarter `turns`, (task, way).
    """
    picked = source[classes[..., None], images]
    if rotations:
        sources = _rotations(picked.shape[-1], picked.device)[turns]  # (task, way, pixel)
        flat = picked.flatten(-2)  # (task, way, image, channel, pixel)
        picked = flat.gather(-1, sources[:, :, None, None].expand_as(flat)).view_as(picked)
    return picked.float() / 255.0


@dataclass(frozen=True, kw_only=True)
class EpisodeStream:
    """N-way tasks over some classes of a data set.

    A task draws n_way distinct classes in random order (the order gives the labels), then distinct
    images of each; its first k_shot are the support. With `rotations`, each class of a task is
    turned by its own multiple of 90 degrees; with `rotated_classes`, each of the four turns of a
    class is a class.
    """

    keys: tuple[int, ...]
    """One a seed; see `suite.rng.stream_key`."""
    images: Tensor  # (class, image, channel, height, width) uint8, on the device
    classes: Tensor  # (seed, split's classes) int64: indices into the first axis of `images`
    n_way: int
    rotations: bool
    rotated_classes: bool = False

    def __post_init__(self) -> None:
        if self._n_classes < self.n_way:
            raise UsageError(f"{self.n_way}-way tasks need more than {self._n_classes} classes")

    @property
    def _n_classes(self) -> int:
        return self.classes.shape[1] * turns_as_classes(self.rotated_classes)

    @functools.cached_property
    def _keys(self) -> Tensor:
        return torch.tensor(self.keys, device=self.images.device)[:, None]

    def batch(self, start: int | Tensor, tasks: int, k_shot: int, n_query: int) -> TaskBatch:
        """See `TaskStream`; pixels are float32 in [0, 1], examples ordered by class."""
        drawn = k_shot + n_query
        labels, chosen = self._draw(start, tasks, drawn)
        images = pixels(
            self.images, *chosen, rotations=self.rotations or self.rotated_classes
        )  # (task, way, image, channel, height, width)
        support, query = images.split((k_shot, n_query), dim=2)
        label_of = labels.expand(len(images), -1, -1)
        return TaskBatch(
            support_x=support.flatten(1, 2),
            support_y=label_of[:, :, :k_shot].flatten(1),
            query_x=query.flatten(1, 2),
            query_y=label_of[:, :, k_shot:].flatten(1),
            keys=row_keys(self._keys, self._rows(start, tasks)).flatten(),
        )

    def _rows(self, start: int | Tensor, tasks: int) -> Tensor:
        return start + torch.arange(tasks, device=self.images.device)

    def _draw(
        self, start: int | Tensor, tasks: int, drawn: int
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        available = self.images.shape[1]
        if drawn > available:
            raise UsageError(f"a task wants {drawn} images a class and there are {available}")
        device = self.images.device
        rows = self._rows(start, tasks)
        n_classes = self._n_classes
        unit = uniform(self._keys, rows, n_classes + self.n_way * (1 + available))
        unit = unit.flatten(0, 1)  # (task, column), the tasks of a seed together
        by_class, by_turn, by_image = unit.split(
            (n_classes, self.n_way, self.n_way * available), dim=1
        )
        of_seed = self.classes[:, None].expand(-1, tasks, -1).flatten(0, 1)
        picked = distinct(by_class, self.n_way)  # (task, way)
        if self.rotated_classes:
            picked, turns = picked // TURNS, picked % TURNS
        else:
            turns = (by_turn * TURNS).long()
        classes = of_seed.gather(1, picked)  # (task, way)
        images = distinct(by_image.unflatten(1, (self.n_way, available)), drawn)
        labels = torch.arange(self.n_way, device=device)[None, :, None].expand(1, -1, drawn)
        return labels, (classes, images, turns)
