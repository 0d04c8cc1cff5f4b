"""Maps of several tasks, (task, batch, height, width, channel) to the reader.

In memory they lie as what works on them likes it: with tasks and channels last for convolutions,
`(batch, height, width, task, channel)`, or task by task for matrix products.
"""

import torch
from torch import Tensor

OVER = (1, 2, 3)
"""All but task and channel."""


def as_batch(maps: Tensor) -> Tensor:
    """`maps` as torch has it, (batch, task*channel, height, width); a view of maps by place."""
    images: Tensor = maps.permute(1, 0, 4, 2, 3).flatten(1, 2)
    return images


def from_batch(images: Tensor, tasks: int) -> Tensor:
    """A view of torch's (batch, task*channel, height, width) as maps."""
    maps: Tensor = images.unflatten(1, (tasks, -1)).permute(1, 0, 3, 4, 2)
    return maps


def by_task(images: Tensor) -> Tensor:
    """(task, batch, channel, height, width) as maps that lie task by task."""
    return images.permute(0, 1, 3, 4, 2).contiguous()


def by_place(images: Tensor) -> Tensor:
    """(task, batch, channel, height, width) as maps whose tasks and channels lie last."""
    return images.permute(1, 3, 4, 0, 2).contiguous().permute(3, 0, 1, 2, 4)


def lie_by_place(maps: Tensor) -> bool:
    """Whether torch sees `maps` as images with their channels last."""
    images = as_batch(maps)
    return not images.is_contiguous() and images.is_contiguous(memory_format=torch.channels_last)


def kernels_last(weight: Tensor) -> Tensor:
    """The same (..., output, input, 3, 3), but each kernel's inputs lie next to each other."""
    return weight.movedim(-3, -1).contiguous().movedim(-1, -3)
