"""Where a run's tasks come from: its streams, and what the record says of the data."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from suite.data import sinusoid
from suite.data.episodes import EpisodeStream, turns_as_classes
from suite.data.images import ImageData, Split, seeded_split
from suite.data.labelled import LabelledStream
from suite.data.tasks import TaskStream
from suite.errors import DataError
from suite.names import named
from suite.rng import stream_key
from suite.settings import DATA_SETS, Config


class Stream(Protocol):
    """Streams of tasks by name."""

    def __call__(self, name: str, chosen: Sequence[int], /, n_way: int | None = None) -> TaskStream:
        """The stream of that name for the seeds with the `chosen` indices.

        Tasks of `train`, `validation` or `test` classes, of the configuration's `n_way` where none
        is given, or `labelled` images of the training classes in mini-batches.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class TaskSource:
    """The training, validation and test tasks of some seeds, and their labelled images."""

    name: str
    fingerprint: str
    splits: tuple[Split | None, ...]
    """One a seed; None where there are no classes to split."""
    warnings: tuple[str, ...]
    stream: Stream
    turns: int = 1
    """Classes that come of one by turning it."""

    @property
    def train_classes(self) -> int:
        """How many classes there are to train on, the same for every seed; 0 without classes."""
        split = self.splits[0]
        return 0 if split is None else len(split.train) * self.turns

    def streams(self, name: str) -> TaskStream:
        """The stream of that name for every seed."""
        return self.stream(name, range(len(self.splits)))


def task_source(
    config: Config, seeds: Sequence[int], device: torch.device, images: ImageData | None
) -> TaskSource:
    """The tasks of `seeds`: the same for every method, so that methods compare in pairs.

    `images` is the setting's data set, None for the sinusoid. Where the data set has no split of
    its own, each seed draws one. The pixels go to the device once for all seeds.
    """
    if images is None:
        return _sinusoids(seeds, device)
    splits = [_split(images, config, seed) for seed in seeds]
    pixels = _on_device(images, device)

    def stream(name: str, chosen: Sequence[int], /, n_way: int | None = None) -> TaskStream:
        part = "train" if name == "labelled" else name
        rows: list[npt.NDArray[np.int64]] = [getattr(splits[index], part) for index in chosen]
        classes: Tensor = torch.from_numpy(np.stack(rows)).to(device)
        keys = tuple(stream_key(seeds[index], name) for index in chosen)
        if name == "labelled":
            return LabelledStream(
                keys=keys,
                images=pixels,
                classes=classes,
                size=config.images_per_batch or 1,
                rotations=config.rotations,
                rotated_classes=config.rotated_classes,
            )
        return EpisodeStream(
            keys=keys,
            images=pixels,
            classes=classes,
            n_way=n_way or config.n_way,
            rotations=config.rotations,
            rotated_classes=config.rotated_classes,
        )

    return TaskSource(
        name=images.name,
        fingerprint=images.fingerprint,
        splits=tuple(splits),
        warnings=images.warnings,
        stream=stream,
        turns=turns_as_classes(config.rotated_classes),
    )


def _split(images: ImageData, config: Config, seed: int) -> Split:
    if config.split != "own":
        split: Split = named(DATA_SETS[images.name].splits[config.split])(images)
        return split
    if images.fixed_split is not None:
        return images.fixed_split
    counts = DATA_SETS[images.name].classes
    if counts is None:
        raise DataError(f"{images.name} has no classes to be split")
    return seeded_split(images, counts=counts, seed=seed)


@functools.lru_cache(maxsize=1)
def _on_device(images: ImageData, device: torch.device) -> Tensor:
    """All pixels; kept, since pretraining and scoring have a source each.

    A mapped file is not copied where the device is the CPU: all processes share its memory.
    """
    pixels = images.images
    return torch.from_numpy(pixels if pixels.flags.writeable else np.array(pixels)).to(device)


def _sinusoids(seeds: Sequence[int], device: torch.device) -> TaskSource:
    definition = f"sinusoid {sinusoid.AMPLITUDE} {sinusoid.PHASE} {sinusoid.INPUT}"

    def stream(name: str, chosen: Sequence[int], /, n_way: int | None = None) -> TaskStream:
        keys = tuple(stream_key(seeds[index], name) for index in chosen)
        return sinusoid.SinusoidStream(keys=keys, device=device)

    return TaskSource(
        name="sinusoid",
        fingerprint=hashlib.sha256(definition.encode()).hexdigest(),
        splits=(None,) * len(seeds),
        warnings=(),
        stream=stream,
    )
