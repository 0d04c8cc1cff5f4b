"""What a job will take, by the speeds that the registry's own records tell of."""

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from suite.errors import UsageError
from suite.launch.plans import Job
from suite.launch.wanted import Wanted, wanted
from suite.registry import Record
from suite.settings import SETTINGS

_Likeness = tuple[bool, bool, bool]
_Samples = dict[str, list[tuple[_Likeness, float]]]
"""What is done, to how alike each record is and the seconds that it took for one of it."""


class Speeds:
    """The seconds of an iteration, and of the scoring of a task, on a device of that name.

    They are medians over the records of the most alike runs: if possible of the same configuration,
    on the same device (a CPU may stand for another) and of today's version of the training.
    """

    def __init__(self, records: Iterable[Record], device: str) -> None:
        trainings: dict[str, Record] = {}
        scorings: _Samples = defaultdict(list)
        iterations: _Samples = defaultdict(list)
        for record, like, _ in _completed(records, device):
            sha = record.provenance.weights_sha256 or record.key
            first = trainings.setdefault(sha, record)
            # Whoever trained it recorded it first; others have scored it since, elsewhere.
            if record.provenance.finished < first.provenance.finished:
                trainings[sha] = record
            if like and record.timing.evaluate_seconds:
                each = record.timing.evaluate_seconds / record.protocol.tasks
                scorings[_scored(record.setting, record.method)].append((like, each))
        for record, like, planned in _completed(trainings.values(), device):
            if like and record.timing.iterations_per_second:
                each = 1.0 / record.timing.iterations_per_second
                iterations[planned.trained].append((like, each))
        self._scorings = {name: _median_of_likest(found) for name, found in scorings.items()}
        self._iterations = {name: _median_of_likest(found) for name, found in iterations.items()}

    def seconds(self, job: Job, trained: Collection[str]) -> float | None:
        """What `job` takes on one worker, where the trainings of these names are done already.

        None where no record tells. It is then known of no training, or of no scoring where there is
        no training: what scoring takes beside a training, and is not known, is left out.
        """
        planned = wanted(job)
        scoring = self._scorings.get(_scored(job.setting, job.method))
        tasks = sum(protocol.tasks for protocol in planned.protocols) * len(job.seeds)
        left = sum(each not in trained for each in planned.trainings(job.seeds))
        if not left or not planned.schedule.iterations:
            return None if scoring is None else tasks * scoring
        iteration = self._iterations.get(planned.trained)
        if iteration is None:
            return None
        return left * planned.schedule.iterations * iteration + tasks * (scoring or 0.0)


def _scored(setting: str, method: str) -> str:
    return f"{setting} {method}"


def _completed(
    records: Iterable[Record], device: str
) -> Iterator[tuple[Record, _Likeness | None, Wanted]]:
    """The runs of settings and methods that there are, and how alike each is; None for not."""
    for record in records:
        if record.setting not in SETTINGS or record.status != "completed":
            continue
        job = Job(setting=record.setting, method=record.method, seeds=(0,), iterations=None)
        try:
            planned = wanted(job)
        except UsageError:  # of other code
            continue
        theirs, same = record.provenance.device, record.config == planned.config
        like = None
        if theirs == device or (theirs.startswith("cpu: ") and device.startswith("cpu: ")):
            current = record.schedule.version == planned.schedule.version
            like = (same, theirs == device, current)
        yield record, like, planned


def _median_of_likest(samples: list[tuple[_Likeness, float]]) -> float:
    likest = max(like for like, _ in samples)
    return statistics.median(seconds for like, seconds in samples if like == likest)
