"""The data sets by name, and the environments that stand in their place.

To add a data set, write its reader below `suite/data/` and one entry here. Functions stand here by
their dotted names, so that whoever only wants to know which data sets there are imports no reader.
"""

from dataclasses import dataclass, field

from suite.settings import downloads
from suite.settings.downloads import Download

Shape = tuple[int, int, int]
"""Channel, height, width."""


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What tasks are made of: labelled images, a formula, or an environment."""

    title: str
    """What the report calls the part on its settings; data sets of one title share it."""
    shape: Shape | None = None
    """The shape of an image; None where there are none."""
    classes: tuple[int, int, int] | None = None
    """How many there are to train on, validate on and test on; None where there are none."""
    images_of_class: int = 0
    splits: dict[str, str] = field(default_factory=dict)
    """Splits of others by name: `f(images) -> suite.data.images.Split`."""
    fixed_split: str | None = None
    """The split that comes with the data set: `f() -> suite.data.images.Split`; None where each
    seed draws one."""
    loader: str | None = None
    """`f(root, *, progress) -> suite.data.images.ImageData`, which decodes the images."""
    at_hand: str | None = None
    """`f() -> str | None`, which says where a copy lies; None where there is none."""
    download: Download | None = None
    """What is fetched where no copy is at hand; None where nothing needs to be."""
    terms: str | None = None
    """Under what terms it may be used, if not freely."""
    copies: dict[str, str] = field(default_factory=dict)
    """The copies that are known: fingerprint to name."""
    about: str | None = None
    """A paragraph that the report has on it, such as why the paper has no number there."""
    environment: bool = False
    """Whether it is an environment of reinforcement learning."""


_POLICIES = "Reinforcement learning"

DATA_SETS: dict[str, DataSet] = {
    "sinusoid": DataSet(title="Sinusoid regression"),
    "omniglot": DataSet(
        title="Omniglot",
        shape=(1, 28, 28),
        classes=(1100, 100, 423),  # the authors' data_generator.py
        images_of_class=20,
        loader="suite.data.omniglot.load_omniglot",
        at_hand="suite.data.omniglot.at_hand",
        splits={"vinyals": "suite.data.vinyals.vinyals_split"},
        download=downloads.OMNIGLOT,
        copies={
            "21bdee53e651dbecda0e1fce23ab6f32e0ede537dcf3165b0322912c6a14adea": (
                "Lake et al.'s images, background and evaluation, as published"
            ),
        },
    ),
    "miniimagenet": DataSet(
        title="mini-ImageNet",
        shape=(3, 84, 84),
        classes=(64, 16, 20),
        images_of_class=600,
        fixed_split="suite.data.miniimagenet.split.fixed_split",
        loader="suite.data.miniimagenet.reader.load_miniimagenet",
        at_hand="suite.data.miniimagenet.reader.at_hand",
        download=downloads.MINI_IMAGENET,
        terms="for non-commercial research and education only: https://image-net.org/download",
        copies={
            "602448ae43c54d69040cb265b26d835e0d696692b31a5711530b006da59d5121": (
                "Ravi and Larochelle's images squashed to 84x84, by another resampler than the "
                "authors' Lanczos (the copy that this suite is tested on)"
            ),
        },
    ),
    "point-navigation": DataSet(title=_POLICIES, environment=True),
    "cheetah-velocity": DataSet(title=_POLICIES, environment=True),
    "cheetah-direction": DataSet(title=_POLICIES, environment=True),
    "ant-velocity": DataSet(title=_POLICIES, environment=True),
    "ant-direction": DataSet(title=_POLICIES, environment=True),
    "glyphs": DataSet(
        title="Glyphs, a stand-in",
        shape=(1, 28, 28),
        classes=(1100, 100, 423),  # as Omniglot
        images_of_class=20,
        loader="suite.data.glyphs.load_glyphs",
        about=(
            "`glyphs` is this suite's own stand-in for Omniglot, for machines that do not have the "
            "data. The paper has no number for it, so nothing in this section is a reproduction."
        ),
    ),
}

IMAGE_SHAPE: dict[str, Shape] = {
    name: each.shape for name, each in DATA_SETS.items() if each.shape is not None
}
"""The data sets of images, and the shape of theirs."""

ENVIRONMENTS = tuple(name for name, each in DATA_SETS.items() if each.environment)
"""The data sets that are environments."""


def titles() -> dict[str, tuple[str, ...]]:
    """The parts of a report by title, in order, each with the names of its data sets."""
    found: dict[str, tuple[str, ...]] = {}
    for name, each in DATA_SETS.items():
        found[each.title] = (*found.get(each.title, ()), name)
    return found
