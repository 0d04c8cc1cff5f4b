"""Long trainings that are left unfinished, kept beside the records, each in a pack of its own."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from suite.errors import UsageError
from suite.outer.snapshot import Training
from suite.registry import Record
from suite.run.packs.archive import Entry, opened_pack, write_pack
from suite.run.packs.trainings import Saved, slug, take, unpacked
from suite.run.resume import trained_as
from suite.settings import METHODS, SETTINGS

log = logging.getLogger(__name__)

FOLDER = "unfinished"
MOST_BYTES = 20_000_000
"""The most bytes that all packs of the folder may have together, since they are in git."""
_ENDING = ".pack"


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """One pack of the folder."""

    path: Path
    entry: Entry


def packs_in(registry_root: Path, *, lenient: bool = False) -> Iterator[Unfinished]:
    """Yield the packs in the folder of a registry; a `UsageError` for a file that is no such pack.

    A `lenient` caller gets the other packs, and the log names what is left out.
    """
    for path in sorted((registry_root / FOLDER).glob(f"*{_ENDING}")):
        try:
            entry = _only_entry(path)
        except UsageError as error:
            if not lenient:
                raise
            log.warning("left out: %s", error)
            continue
        yield Unfinished(path=path, entry=entry)


def _only_entry(path: Path) -> Entry:
    with opened_pack(path) as pack:
        if len(pack.entries) != 1:
            raise ValueError(f"it has {len(pack.entries)} trainings and not one")
        return pack.entries[0]


def take_in(registry_root: Path, training: Training, folder: Path) -> None:
    """Put the registry's pack of `training` into `folder`, where it is further than what is there.

    The caller holds the lock of `folder`. Raises `UsageError` where the pack is damaged.
    """
    for path in (registry_root / FOLDER).glob(f"*-{training.name}{_ENDING}"):
        with opened_pack(path) as pack:
            (entry,) = pack.entries
            saved = unpacked(pack, entry)
        if saved.training.name == training.name and take(saved, folder) == "taken":
            at, length = saved.snapshot.iteration, training.iterations
            log.info(
                "goes on from %s, which is at iteration %s of %s", path, f"{at:,}", f"{length:,}"
            )


def put(registry_root: Path, trainings: Iterable[Saved]) -> list[tuple[Path, Saved]]:
    """Write a pack of each training that is further than its pack in the registry; returns those.

    Raises `UsageError`, and writes nothing, where the folder would become too large.
    """
    there = {each.entry.training: each for each in packs_in(registry_root)}
    new = [
        saved
        for saved in trainings
        if saved.training.name not in there
        or there[saved.training.name].entry.iteration < saved.snapshot.iteration
    ]
    replaced = {saved.training.name for saved in new}
    size = sum(len(data) for saved in new for data in saved.files.values())
    size += sum(each.path.stat().st_size for name, each in there.items() if name not in replaced)
    if size > MOST_BYTES:
        raise UsageError(
            f"{registry_root / FOLDER} would have {size / 1e6:.1f} MB, and it is kept under "
            f"{MOST_BYTES / 1e6:.0f}: name the trainings that matter, or: suite pack FILE.pack"
        )
    written = []
    for saved in new:
        path = registry_root / FOLDER / f"{slug(saved.training)}{_ENDING}"
        write_pack(path, [(saved.entry, saved.files)])
        written.append((path, saved))
    return written


def done(found: Iterable[Unfinished], records: Iterable[Record]) -> list[Unfinished]:
    """The packs of `found` that are needed no longer: their trainings have completed records."""
    packs = {each.entry.training: each for each in found}
    if not packs:
        return []
    attempts: Counter[str] = Counter()
    finished = set()
    for record in records:
        if record.status != "completed" or record.schedule.iterations == 0:
            continue
        if record.setting in SETTINGS and record.method in METHODS:
            name, repeated = trained_as(record).name, attempts[record.key]
            finished.add(f"{name}-rerun{repeated}" if repeated else name)
            attempts[record.key] += 1
    return [each for name, each in packs.items() if name in finished]
