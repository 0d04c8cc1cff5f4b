"""Where a run's tasks come from: three streams, and what the record says of the data."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from suite.data import glyphs, omniglot, sinusoid
from suite.data.episodes import EpisodeStream
from suite.data.images import ImageData, Split, seeded_split
from suite.data.tasks import TaskStream
from suite.rng import stream_key
from suite.settings import Config

_SPLIT_COUNTS = {"omniglot": omniglot.SPLIT_COUNTS, "glyphs": glyphs.SPLIT_COUNTS}


@dataclass(frozen=True, kw_only=True)
class TaskSource:
    """The training, validation and test tasks of one seed."""

    name: str
    fingerprint: str
    split: Split | None
    warnings: tuple[str, ...]
    train: TaskStream
    validation: TaskStream
    test: TaskStream


def task_source(
    config: Config, seed: int, device: torch.device, images: ImageData | None
) -> TaskSource:
    """The tasks of `seed`: the same for every method, so that methods compare in pairs.

    `images` is the setting's data set, None for the sinusoid. Where the data set has no split of
    its own, each seed draws one.
    """
    if images is None:
        return _sinusoids(seed, device)
    split = images.fixed_split or seeded_split(images, counts=_SPLIT_COUNTS[images.name], seed=seed)
    pixels = torch.from_numpy(np.array(images.images)).to(device)

    def stream(name: str, classes: npt.NDArray[np.int64]) -> EpisodeStream:
        return EpisodeStream(
            key=stream_key(seed, name),
            images=pixels,
            classes=torch.from_numpy(classes).to(device),
            n_way=config.n_way,
            rotations=config.rotations,
        )

    return TaskSource(
        name=images.name,
        fingerprint=images.fingerprint,
        split=split,
        warnings=images.warnings,
        train=stream("train", split.train),
        validation=stream("validation", split.validation),
        test=stream("test", split.test),
    )


def _sinusoids(seed: int, device: torch.device) -> TaskSource:
    definition = f"sinusoid {sinusoid.AMPLITUDE} {sinusoid.PHASE} {sinusoid.INPUT}"
    train, validation, test = (
        sinusoid.SinusoidStream(key=stream_key(seed, name), device=device)
        for name in ("train", "validation", "test")
    )
    return TaskSource(
        name="sinusoid",
        fingerprint=hashlib.sha256(definition.encode()).hexdigest(),
        split=None,
        warnings=(),
        train=train,
        validation=validation,
        test=test,
    )
