"""Runs from request to record: train the seeds together, score each, write each record."""

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from baselines import METHODS, Method
from suite import results
from suite.checkpoint import Snapshot
from suite.data.images import ImageData
from suite.data.source import TaskSource, task_source
from suite.errors import UsageError
from suite.evaluate import evaluate
from suite.inner.learner import Learner
from suite.models import Network
from suite.registry import Record, Registry
from suite.registry.schema import Identity
from suite.results import Circumstances
from suite.runs import Request, Run, claimed, look_up, resumed
from suite.state import TrainingState, stack, unstack
from suite.train import Diverged, Stopped, train

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The records of a request: those that stood and those that were written now."""

    standing: list[Record]
    written: list[tuple[Path, Record]]
    failures: list[str]
    """One line for each seed that failed; the failure stands in its records."""


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What the runs of a request share."""

    request: Request
    method: Method
    network: Network
    source: TaskSource
    registry: Registry
    started: str
    outcome: Outcome

    def learner(self, state: TrainingState) -> Learner:
        return Learner(config=self.request.config, network=self.network, params=state.params)


def execute(request: Request, registry: Registry, images: ImageData | None) -> Outcome:
    """Run what does not stand in the registry yet.

    Raises `Stopped` where `request.hooks` stop the training, which then goes on from its checkpoint
    when the same request is executed again, and `UsageError` where the request makes no sense or
    another process is at it. A seed that fails is recorded as failed, and the others go on.
    """
    method = METHODS[request.method]()
    method.check(request.setting)
    request.engine.check(request.device)
    source = task_source(request.config, request.seeds, request.device, images)
    runs = look_up(request, method, source, registry)
    with claimed([run for run in runs if run.pending], request):
        # Another process may have finished some before we held the locks.
        runs = look_up(request, method, source, registry)
        standing = [done[0] for run in runs for done in run.standing if done]
        job = _Job(
            request=request,
            method=method,
            network=method.network(request.config),
            source=source,
            registry=registry,
            started=results.now(),
            outcome=Outcome(standing=standing, written=[], failures=[]),
        )
        for group, snapshots in resumed(job.network, [run for run in runs if run.pending]):
            _train_and_score(job, group, snapshots)
    return job.outcome


def _train_and_score(job: _Job, group: list[Run], snapshots: list[Snapshot]) -> None:
    together = len(group)
    while group:
        state = stack(snapshots, job.request.config, job.request.device)
        failed: dict[int, Exception] = {}
        try:
            _train(job, group, state)
        except (Stopped, UsageError):
            raise
        except Diverged as error:
            failed = dict.fromkeys(error.places, error)
        except Exception as error:
            if len(group) > 1:
                log.warning("%s: %s; training seed by seed", type(error).__name__, error)
                for run in group:
                    for alone, saved in resumed(job.network, [run]):
                        _train_and_score(job, alone, saved)
                return
            failed = {0: error}
        snapshots = unstack(state)
        for place, reason in failed.items():
            _record_failure(job, group[place], reason, snapshots[place])
        if not failed:
            for run, snapshot in zip(group, snapshots, strict=True):
                _score(job, run, snapshot, together)
            return
        sound = [place for place in range(len(group)) if place not in failed]
        group, snapshots = [group[place] for place in sound], [snapshots[p] for p in sound]


def _train(job: _Job, group: list[Run], state: TrainingState) -> None:
    request, places = job.request, [run.place for run in group]
    streams = (job.source.stream("train", places), job.source.stream("validation", places))
    hooks = replace(request.hooks, checkpoints=tuple(run.checkpoint for run in group))
    learner = job.learner(state)
    train(job.method, learner, request.schedule, streams, state, hooks, request.engine)


def _score(job: _Job, run: Run, snapshot: Snapshot, together: int) -> None:
    for identity in run.pending:
        try:
            record = _scored(job, run, snapshot, identity, together)
        except UsageError:
            raise
        except Exception as error:
            _record_failure(job, run, error, snapshot)
            return
        path = job.registry.write(record)
        run.standing[run.identities.index(identity)].append(record)
        job.outcome.written.append((path, job.registry.read(path)))


def _scored(job: _Job, run: Run, snapshot: Snapshot, identity: Identity, together: int) -> Record:
    began = time.monotonic()
    request, protocol = job.request, identity.protocol
    learner = job.learner(stack([snapshot], request.config, request.device))
    test = job.source.stream("test", [run.place])
    selected = job.method.select(learner, job.source.stream("validation", [run.place]), protocol)
    scores = evaluate(job.method, learner, test, protocol, selected)
    evaluate_seconds = time.monotonic() - began
    return results.completed(
        identity,
        request.setting.metric,
        scores,
        selected,
        results.examples(job.method, learner, test, protocol, selected),
        snapshot,
        evaluate_seconds=evaluate_seconds,
        circumstances=_circumstances(job, together),
    )


def _record_failure(job: _Job, run: Run, error: Exception, snapshot: Snapshot) -> None:
    circumstances = _circumstances(job, 1)
    paths = [
        job.registry.write(results.failed(identity, error, snapshot, circumstances=circumstances))
        for identity in run.pending
    ]
    reason = f"{type(error).__name__}: {error}"
    job.outcome.failures.append(f"seed {run.seed}: {reason}; recorded in {paths[0]}")


def _circumstances(job: _Job, together: int) -> Circumstances:
    device = job.request.device
    return Circumstances(started=job.started, device=device, seeds_together=together)
