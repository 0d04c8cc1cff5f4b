"""Which classes mini-ImageNet has and where each belongs: Ravi and Larochelle's split.

Only the names of the classes stand here (WordNet ids, from their train.csv, val.csv and test.csv).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from suite.data.images import Split, split_sha256
from suite.errors import DataError, one_line

_NAMES = {
    "train": """
        n01532829 n01558993 n01704323 n01749939 n01770081 n01843383 n01910747 n02074367
        n02089867 n02091831 n02101006 n02105505 n02108089 n02108551 n02108915 n02111277
        n02113712 n02120079 n02165456 n02457408 n02606052 n02687172 n02747177 n02795169
        n02823428 n02966193 n03017168 n03047690 n03062245 n03207743 n03220513 n03337140
        n03347037 n03400231 n03476684 n03527444 n03676483 n03838899 n03854065 n03888605
        n03908618 n03924679 n03998194 n04067472 n04243546 n04251144 n04258138 n04275548
        n04296562 n04389033 n04435653 n04443257 n04509417 n04515003 n04596742 n04604644
        n04612504 n06794110 n07584110 n07697537 n07747607 n09246464 n13054560 n13133613
    """,
    "val": """
        n01855672 n02091244 n02114548 n02138441 n02174001 n02950826 n02971356 n02981792
        n03075370 n03417042 n03535780 n03584254 n03770439 n03773504 n03980874 n09256479
    """,
    "test": """
        n01930112 n01981276 n02099601 n02110063 n02110341 n02116738 n02129165 n02219486
        n02443484 n02871525 n03127925 n03146219 n03272010 n03544143 n03775546 n04146614
        n04149813 n04418357 n04522168 n07613480
    """,
}
N_IMAGES = 600

Counts = Mapping[str, Mapping[str, int]]
"""part -> class -> images; a part is train, val or test"""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a copy must hold to be taken; tests expect less."""

    parts: Mapping[str, tuple[str, ...]]
    """The sorted names of the classes of train, val and test, in that order."""
    n_images: int

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes, part by part: the order in which they are decoded."""
        return tuple(name for names in self.parts.values() for name in names)

    @property
    def part_of(self) -> dict[str, str]:
        """Where each class belongs."""
        return {name: part for part, names in self.parts.items() for name in names}


RAVI_LAROCHELLE = Expected(
    parts={part: tuple(names.split()) for part, names in _NAMES.items()}, n_images=N_IMAGES
)


def fixed_split(expected: Expected = RAVI_LAROCHELLE) -> Split:
    """The split that the classes' order implies."""
    edges = accumulate((len(names) for names in expected.parts.values()), initial=0)
    parts = [np.arange(start, end, dtype=np.int64) for start, end in pairwise(edges)]
    return Split(
        train=parts[0],
        validation=parts[1],
        test=parts[2],
        seed=None,
        sha256=split_sha256(expected.classes, parts),
    )


def check(where: Path, found: Counts, expected: Expected) -> None:
    """Raise `DataError`, naming class and count, unless `found` is what is expected.

    Parts that are not in `found` are not checked.
    """
    part_of = expected.part_of
    for part, counts in found.items():
        for name in counts:
            right = part_of.get(name)
            if right is None:
                raise DataError(
                    f"{where}: class {one_line(name)} of {part} is none of mini-ImageNet's"
                )
            if right != part:
                raise DataError(
                    f"{where}: class {name} stands in {part} and belongs to {right} in Ravi and "
                    f"Larochelle's split; are {part} and {right} swapped?"
                )
        for name in expected.parts[part]:
            if name not in counts:
                wanted = len(expected.parts[part])
                raise DataError(
                    f"{where}: class {name} is missing from {part}, which has {len(counts)} of "
                    f"{wanted} classes"
                )
            if counts[name] != expected.n_images:
                raise DataError(
                    f"{where}: class {name} of {part} has {counts[name]} images, "
                    f"not {expected.n_images}"
                )
