"""Decoded data sets that one machine sends to another, which has no copy of its own to decode.

An entry of the cache is found by its fingerprint, is taken as bytes, and is put into another cache.
There its pixels are held to the fingerprint, as at every load.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from suite.data.cache import (
    MOST_DESCRIPTION,
    Decoded,
    Description,
    data_dir,
    mapped,
    put,
    read_entry,
)
from suite.data.images import ImageData
from suite.errors import DataError
from suite.files import read_regular
from suite.names import named
from suite.parsing import NotJson, parsed
from suite.settings import DATA_SETS

VARIABLE = "SUITE_FINGERPRINTS"
"""The environment variable with the fingerprints of the data sets that a process is to use from the
cache, as JSON by name, whatever other copies there are."""


@dataclass(frozen=True, kw_only=True)
class SentData:
    """A decoded data set under way."""

    name: str
    about: Description
    images: npt.NDArray[np.uint8]  # (class, image, channel, height, width)


def holds(name: str, fingerprint: str) -> bool:
    """Whether the cache says that it has the data set with that fingerprint."""
    return next(_stems(name, fingerprint), None) is not None


def sent_data(name: str, fingerprint: str) -> SentData:
    """What the cache has of that fingerprint; a `DataError` where it has nothing."""
    for stem in _stems(name, fingerprint):
        about = _description(stem)
        if about is not None:
            # A plain array, since a mapped file does not travel.
            return SentData(name=name, about=about, images=np.asarray(mapped(stem, about.shape)))
    raise _absent(name, fingerprint)


def take(sent: SentData) -> None:
    """Put a data set into the cache; a `DataError` where it cannot be written, or is damaged."""
    about = sent.about
    decoded = Decoded(
        images=sent.images,
        classes=about.classes,
        files=about.files,
        warnings=lambda _: about.warnings,
    )
    put(sent.name, about.fingerprint[:16], decoded)
    from_cache(sent.name, about.fingerprint)


def from_cache(name: str, fingerprint: str) -> ImageData:
    """The data set of that fingerprint in the cache; a `DataError` where there is no whole one."""
    split = DATA_SETS[name].fixed_split
    for stem in _stems(name, fingerprint):
        found = read_entry(name, stem, None if split is None else named(split)())
        if found is not None and found.fingerprint == fingerprint:
            return found
    raise _absent(name, fingerprint)


def asked_for() -> Mapping[str, str]:
    """The fingerprints that the environment names."""
    with contextlib.suppress(NotJson):
        return parsed(os.environ.get(VARIABLE, "").encode(), dict[str, str])
    return {}


def asking(fingerprints: Mapping[str, str]) -> dict[str, str]:
    """The environment that names them."""
    return {VARIABLE: json.dumps(dict(fingerprints))}


def _stems(name: str, fingerprint: str) -> Iterator[Path]:
    for path in sorted(data_dir().glob(f"{name}-*.json")):
        about = _description(path.with_suffix(""))
        if about is not None and about.fingerprint == fingerprint:
            yield path.with_suffix("")


def _description(stem: Path) -> Description | None:
    try:
        return parsed(read_regular(stem.with_suffix(".json"), MOST_DESCRIPTION), Description)
    except (OSError, NotJson):
        return None


def _absent(name: str, fingerprint: str) -> DataError:
    return DataError(
        f"the cache {data_dir()} has no whole {name} of the fingerprint {fingerprint[:12]}: "
        "give the sweep's command again, which sends it"
    )
