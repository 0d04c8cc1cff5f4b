"""Runs from request to record: train the seeds together, score each, write each record."""

import logging
import time
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path

from baselines import Method, method_of
from suite import checkpoint, results
from suite.checkpoint import Snapshot, weights_sha256
from suite.data.images import ImageData
from suite.data.source import TaskSource, task_source
from suite.errors import CheckpointError, UsageError
from suite.evaluate import evaluate
from suite.inner.learner import Learner
from suite.models import Network
from suite.registry import Record, Registry
from suite.registry.schema import Identity
from suite.results import Circumstances
from suite.rng import stream_key
from suite.runs import Request, Run, claimed, look_up, resumed, trained
from suite.settings import Config, Protocol
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
    trainer: Method
    """What trains: the method, or the one whose training it starts from."""
    training: Config
    """What the training goes by: the request's configuration, or what settings share."""
    network: Network
    source: TaskSource
    lessons: TaskSource
    """Where the training's tasks come from."""
    registry: Registry
    started: str
    outcome: Outcome
    selections: dict[tuple[int, Hashable], dict[str, float]] = field(default_factory=dict)
    """What was selected so far: by the place of the run, and `Method.selection`."""

    def learner(self, state: TrainingState, config: Config, key: int = 0) -> Learner:
        return Learner(config=config, network=self.network, params=state.params, key=key)


def execute(request: Request, registry: Registry, images: ImageData | None) -> Outcome:
    """Run what does not stand in the registry yet.

    A method that starts from another's training has that one run first, which is then recorded too.
    Raises `Stopped` where `request.hooks` stop the training and `CheckpointError` where it cannot
    be saved; it goes on from its checkpoint when the same request is executed again. Raises
    `UsageError` where the request makes no sense or another process is at it. A seed that fails is
    recorded as failed, and the others go on.
    """
    method = method_of(request.setting, request.method).on(request.schedule)
    method.check(request.setting)
    request.engine.check(request.device)
    trainer = method_of(request.setting, method.trained_by or request.method)
    shared = trainer.shared_config(request.config)
    training = shared or request.config
    source = task_source(request.config, request.seeds, request.device, images)
    lessons = task_source(training, request.seeds, request.device, images)
    outcome = Outcome(standing=[], written=[], failures=[])
    runs = look_up(request, method, trainer, source, registry)
    if method.trained_by and any(run.pending for run in runs):
        before = replace(request, method=method.trained_by, rerun=False)
        pretrained = execute(before, registry, images)
        outcome.written.extend(pretrained.written)
        outcome.failures.extend(pretrained.failures)
    network = trainer.network_for(request.config, source.train_classes)
    pending = [run for run in runs if run.pending]
    # The weights of a finished pretraining are only read: its methods are scored side by side.
    to_score = method.trained_by is not None and all(
        trained(network, run, request.schedule) for run in pending
    )
    with claimed(pending, request, wait=shared is not None, to_score=to_score):
        # Another process may have finished some before we held the locks.
        runs = look_up(request, method, trainer, source, registry)
        outcome.standing.extend(done[0] for run in runs for done in run.standing if done)
        job = _Job(
            request=request,
            method=method,
            trainer=trainer,
            training=training,
            network=network,
            source=source,
            lessons=lessons,
            registry=registry,
            started=results.now(),
            outcome=outcome,
        )
        for group, snapshots in resumed(job.network, [run for run in runs if run.pending]):
            _train_and_score(job, group, snapshots)
    return outcome


def _train_and_score(job: _Job, group: list[Run], snapshots: list[Snapshot]) -> None:
    together = len(group)
    while group:
        state = stack(snapshots, job.training, job.request.device)
        failed: dict[int, Exception] = {}
        try:
            _train(job, group, state)
        except (Stopped, UsageError, CheckpointError):
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
    if not request.trains and state.iteration < request.schedule.iterations:
        raise UsageError(
            f"the weights of {request.setting.id} {request.method} seed {group[0].seed} are not in "
            f"{group[0].checkpoint.parent}; train them with: suite run"
        )
    lessons = job.lessons.stream
    streams = (lessons(job.trainer.stream, places), lessons("validation", places))
    hooks = replace(request.hooks, checkpoints=tuple(run.checkpoint for run in group))
    learner = job.learner(state, job.training)
    train(job.trainer, learner, request.schedule, streams, state, hooks, request.engine)


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


def _scored(job: _Job, run: Run, last: Snapshot, identity: Identity, together: int) -> Record:
    began = time.monotonic()
    request, protocol = job.request, identity.protocol
    best = checkpoint.load(checkpoint.best(run.checkpoint), last)
    snapshot = _weights(run, last, best, protocol)
    state = stack([snapshot], request.config, request.device)
    learner = replace(
        job.learner(state, request.config, stream_key(run.seed, "fresh head")),
        query_norm=protocol.batch_norm,
    )
    test = job.source.stream("test", [run.place])
    selected = _selected(job, run, learner, protocol)
    scores = evaluate(job.method, learner, test, protocol, selected)
    evaluate_seconds = time.monotonic() - began
    return results.completed(
        identity,
        request.setting.metric,
        scores,
        selected,
        results.examples(job.method, learner, test, protocol, selected),
        snapshot,
        best_weights_sha256=weights_sha256(best.params) if best else None,
        evaluate_seconds=evaluate_seconds,
        circumstances=_circumstances(job, together),
    )


def _weights(run: Run, last: Snapshot, best: Snapshot | None, protocol: Protocol) -> Snapshot:
    """The training, with the weights that `protocol` wants."""
    if protocol.checkpoint == "last":
        return last
    if best is None:
        raise UsageError(
            f"no best-validation weights of seed {run.seed} in {run.checkpoint.parent}; "
            "train it again with --rerun"
        )
    return replace(last, params=best.params)


def _selected(job: _Job, run: Run, learner: Learner, protocol: Protocol) -> dict[str, float]:
    """What the method selects for `protocol`, or has selected already."""
    which = (run.place, job.method.selection(protocol))
    if which not in job.selections:
        validation = job.source.stream("validation", [run.place])
        job.selections[which] = job.method.select(learner, validation, protocol)
    return job.selections[which]


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
