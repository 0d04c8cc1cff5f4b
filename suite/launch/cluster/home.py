"""The sweep's own machine: what it gives to a job, and where it puts what comes back."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from suite.errors import RegistryError, UsageError
from suite.launch.cluster.errand import Errand, News, packed, record_bytes, unpack
from suite.launch.plans import Job
from suite.launch.wanted import wanted
from suite.registry import Record, Registry
from suite.registry.store import decode
from suite.run.packs.archive import opened_pack
from suite.run.packs.trainings import Saved, saved_in, unpacked
from suite.run.packs.unfinished import packs_in
from suite.run.resume import trainings_folder

log = logging.getLogger(__name__)


@dataclass
class Home:
    """The registry and the trainings of the sweep's machine.

    `folder` is for packs on their way. `fingerprints` are of the data sets, by name.
    """

    registry: Registry
    folder: Path
    fingerprints: Mapping[str, str]
    timeout: float | None
    _titles: dict[Path, tuple[int, str]] = field(default_factory=dict)
    """The titles of the trainings in the cache, with the times of their files."""

    def errand(self, number: int, job: Job, threads: int | None) -> Errand:
        """`job` with all that is here of it. Raises `RegistryError` where a record of it is bad."""
        records = [record for seed in job.seeds for record in self._records(job, seed)]
        trainings = list(self._trainings(job))
        return Errand(
            number=number,
            job=job,
            threads=threads,
            timeout=self.timeout,
            fingerprints=dict(self.fingerprints),
            trainings=packed(trainings, self.folder) if trainings else None,
            records=record_bytes(records),
        )

    def _records(self, job: Job, seed: int) -> Iterator[Record]:
        for method in wanted(job).methods:
            for record in self.registry.of_seed(job.setting, method, seed):
                if record.status == "completed":
                    yield record

    def _trainings(self, job: Job) -> Iterator[Saved]:
        """Each that the job may go on from, as far as it is here."""
        titles = set(wanted(job).titles(job.seeds))
        names = {path.parent.name for path, title in self._saved() if title in titles}
        found = {each.training.name: each for each in saved_in(trainings_folder(), names)}
        for pack in packs_in(self.registry.root, lenient=True):
            here = found.get(pack.entry.training)
            further = here is None or here.snapshot.iteration < pack.entry.iteration
            if pack.entry.title in titles and further:
                with opened_pack(pack.path) as opened:
                    found[pack.entry.training] = unpacked(opened, pack.entry)
        yield from found.values()

    def _saved(self) -> Iterator[tuple[Path, str]]:
        """The trainings in the cache, with their titles; a file is read once."""
        for path in trainings_folder().glob("*/checkpoint.pt"):
            try:
                stamp = path.stat().st_mtime_ns
            except OSError:
                continue
            known = self._titles.get(path)
            if known is None or known[0] != stamp:
                found = saved_in(trainings_folder(), {path.parent.name})
                known = stamp, next((saved.training.title for saved in found), "")
                self._titles[path] = known
            yield path, known[1]

    def take_in(self, news: News, progress: Path | None, differing: Sequence[str]) -> list[str]:
        """Put what has come where it belongs; what there is to say of it.

        `differing` is in what the machine that it comes from is not as this one. Raises
        `RegistryError` where a record cannot be written.
        """
        said = list(news.lines)
        if progress is not None and news.progress is not None:
            progress.write_bytes(news.progress)
        if news.trainings is not None:
            try:
                unpack(news.trainings, trainings_folder(), self.folder)
            except UsageError as error:  # somebody is at it here
                said.append(f"a training that came back was not kept: {error}")
        for data in news.records:
            said += self._register(decode(data, "a record that came back"), differing)
        return said

    def _register(self, record: Record, differing: Sequence[str]) -> list[str]:
        expected = self.fingerprints.get(record.data.name, record.data.fingerprint)
        if record.data.fingerprint != expected:
            raise RegistryError(f"record {record.key} came back with other data than the sweep's")
        there = self.registry.of_seed(record.setting, record.method, record.seed, record.key)
        if any(each.status == "completed" for each in there):
            return [f"record {record.key} came back once more: the one that stands is kept"]
        provenance = msgspec.structs.replace(record.provenance, unlike_sweep=tuple(differing))
        self.registry.write(msgspec.structs.replace(record, attempt=0, provenance=provenance))
        return []
