"""Runs from request to record: train the seeds together, score each, write each record."""

import logging
import shlex
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec

from baselines import FewShotMethod, Method, method_of, trainer_of
from baselines.options import options_of, with_options
from baselines.policy_method import PolicyMethod
from suite.data.images import ImageData
from suite.errors import SuiteError, UsageError, one_line
from suite.machine.energy import Meter
from suite.machine.failures import is_memory, machine_error, of_the_machine
from suite.machine.memory import give_back
from suite.outer.snapshot import Snapshot, weights_sha256
from suite.outer.state import TrainingState, unstack
from suite.registry import Record, Registry, run_key
from suite.registry.schema import Identity
from suite.run import checkpoint
from suite.run import record as results
from suite.run.domain import Domain
from suite.run.evaluate import Watch
from suite.run.packs.unfinished import take_in
from suite.run.partial import PartialScore
from suite.run.record import Circumstances
from suite.run.request import Request
from suite.run.resume import Run, claimed, look_up, resumed, take_over_shorter, trained
from suite.run.supervised import Supervised
from suite.run.train import Diverged
from suite.run.weights import how_to_train, require_recorded
from suite.settings import Protocol
from suite.settings.fitting import require_fit, require_plan

log = logging.getLogger(__name__)

_TO_TRAIN = (
    "give the same command again, with --seeds-together 1 or a small --tasks-per-chunk: it goes on "
    "from its last checkpoint"
)
_TO_SCORE = (
    "its training is saved: give the same command again where more memory is free, which scores "
    "what is not scored yet"
)


@dataclass(frozen=True, kw_only=True)
class Executed:
    """The records of a request: those that stood already, and those that were written now."""

    standing: list[Record]
    written: list[tuple[Path, Record]]
    failures: list[str]
    """One line for each seed that failed; the failure stands in its records."""


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What the runs of a request share."""

    request: Request
    domain: Domain
    registry: Registry
    started: str
    changed_options: tuple[str, ...]
    outcome: Executed


def execute(request: Request, registry: Registry, images: ImageData | None) -> Executed:
    """Train and score what does not stand in the registry yet, and record it.

    Where a method starts from another method's training, that method is run and recorded first. A
    seed that fails is recorded as failed, and the others go on.

    Raises `Stopped` where `request.hooks` stop the training, `CheckpointError` where it cannot be
    saved, and `MachineError` where memory, a disk or a device fails. After each of these the same
    request goes on from its checkpoint. Raises `UsageError` where the request makes no sense, or
    where another process is at it.
    """
    default = method_of(request.setting, request.method, request.schedule)
    method = with_options(default, request.options)
    method.check(request.setting)
    if not request.recorded:
        values = msgspec.structs.asdict(request.config)
        require_fit(request.setting, request.method, method.unheeded, values)
        require_plan(request.setting, request.method, request.schedule, request.protocols)
    request.engine.check(request.device)
    trainer = trainer_of(request.setting, method, request.schedule)
    domain = _domain(request, method, trainer, images)
    outcome = Executed(standing=[], written=[], failures=[])
    runs = look_up(request, method, trainer, domain.facts, registry)
    if method.trained_by and any(run.pending for run in runs):
        before = replace(request, method=method.trained_by, options={}, rerun=False)
        pretrained = execute(before, registry, images)
        outcome.written.extend(pretrained.written)
        outcome.failures.extend(pretrained.failures)
    pending = [run for run in runs if run.pending]
    # The weights of a finished pretraining are only read: its methods are scored side by side.
    to_score = method.trained_by is not None and all(
        trained(domain.network, run, request.schedule) for run in pending
    )
    shared = trainer.shared_config(request.config) is not None
    with claimed(pending, request, wait=shared, to_score=to_score):
        # Another process may have finished some before we held the locks.
        runs = look_up(request, method, trainer, domain.facts, registry)
        outcome.standing.extend(done[0] for run in runs for done in run.standing if done)
        pending = [run for run in runs if run.pending]
        if pending:
            registry.require_writable()
        for run in pending:
            if request.trains:
                take_in(registry.root, run.training, run.checkpoint.parent)
            take_over_shorter(run, request, trainer, domain.network, registry)
        job = _Job(
            request=request,
            domain=domain,
            registry=registry,
            started=results.now(),
            changed_options=_differing(method, default),
            outcome=outcome,
        )
        for group, snapshots in resumed(domain.network, pending):
            for run, snapshot in zip(group, snapshots, strict=True):
                _require_best(job, run, snapshot)
            _train_and_score(job, group, snapshots)
    return outcome


def _domain(request: Request, method: Method, trainer: Method, images: ImageData | None) -> Domain:
    if isinstance(trainer, PolicyMethod):
        # Here, since the solver that it imports takes a while, and no other run needs it.
        from suite.run.reinforcement import Reinforcement

        return Reinforcement(request, trainer)
    assert isinstance(method, FewShotMethod)
    assert isinstance(trainer, FewShotMethod)
    return Supervised(request, method, trainer, images)


def _differing(method: Method, default: Method) -> tuple[str, ...]:
    """The names of the options in which the two methods differ."""
    own, others = options_of(method), options_of(default)
    return tuple(name for name in own if own[name] != others[name])


def _train_and_score(job: _Job, group: list[Run], snapshots: list[Snapshot]) -> None:
    together = len(group)
    while group:
        state = job.domain.state(snapshots)
        failed: dict[int, Exception] = {}
        apart = False
        try:
            _train(job, group, state)
        except Diverged as error:
            failed = dict.fromkeys(error.indices, error)
        except SuiteError:
            raise
        except Exception as error:
            if of_the_machine(error) and (len(group) == 1 or not is_memory(error)):
                raise machine_error(error, _named(job, group), _TO_TRAIN) from error
            apart = len(group) > 1
            if apart:
                what = one_line(f"{type(error).__name__}: {error}")
                log.warning("%s; training seed by seed", what)
            else:
                failed = {0: error}
        if apart:
            # Not in the handler above: while it holds the error, the memory of the group is held.
            del state
            _train_and_score_apart(job, group)
            return
        snapshots = unstack(state)
        for index, reason in failed.items():
            _record_failure(job, group[index], reason, snapshots[index])
        if not failed:
            # Scoring needs memory of its own, and none of Adam's.
            del state
            give_back()
            for run, snapshot in zip(group, snapshots, strict=True):
                _score(job, run, snapshot, together)
            return
        sound = [index for index in range(len(group)) if index not in failed]
        group, snapshots = [group[index] for index in sound], [snapshots[p] for p in sound]


def _train_and_score_apart(job: _Job, group: list[Run]) -> None:
    for run in group:
        for alone, saved in resumed(job.domain.network, [run]):
            _train_and_score(job, alone, saved)


def _named(job: _Job, group: list[Run]) -> str:
    seeds = " ".join(str(run.seed) for run in group)
    return f"{job.request.setting.id} {job.request.method} seed {seeds}"


def _train(job: _Job, group: list[Run], state: TrainingState) -> None:
    request, indices = job.request, [run.index for run in group]
    if not request.trains and state.iteration < request.schedule.iterations:
        run = group[0]
        raise UsageError(
            f"the weights of {request.setting.id} {request.method} seed {run.seed} are not in "
            f"{run.checkpoint.parent}; train them with: {_how_to_train(job, run)}"
        )
    hooks = replace(request.hooks, checkpoints=tuple(run.checkpoint for run in group))
    job.domain.train(indices, state, hooks)


def _score(job: _Job, run: Run, snapshot: Snapshot, together: int) -> None:
    for identity in run.pending:
        try:
            record = _scored(job, run, snapshot, identity, together)
        except SuiteError:
            raise
        except Exception as error:
            if of_the_machine(error):
                raise machine_error(error, _named(job, [run]), _TO_SCORE) from error
            _record_failure(job, run, error, snapshot)
            return
        path = job.registry.write(record)
        _partial_path(run, record.key).unlink(missing_ok=True)
        run.standing[run.identities.index(identity)].append(record)
        job.outcome.written.append((path, job.registry.read(path)))


def _scored(job: _Job, run: Run, last: Snapshot, identity: Identity, together: int) -> Record:
    request, protocol = job.request, identity.protocol
    began, meter = time.monotonic(), Meter(request.device)
    best = checkpoint.load(checkpoint.best(run.checkpoint), last)
    if request.scored_as is not None:
        weights = {"last": last.params, "best-validation": best.params if best else None}
        require_recorded(request.scored_as, protocol.checkpoint, weights)
    snapshot = _weights(job, run, last, best, protocol)
    watch = _watch(job, run, snapshot, identity)
    params = {name: value[None].to(request.device) for name, value in snapshot.params.items()}
    scored = job.domain.score(run.index, params, protocol, watch)
    return results.completed(
        identity,
        request.setting.metric.name,
        scored,
        snapshot,
        best_weights_sha256=weights_sha256(best.params) if best else None,
        evaluate_seconds=time.monotonic() - began,
        evaluate_joules=meter.joules(),
        circumstances=_circumstances(job, together),
    )


def _watch(job: _Job, run: Run, snapshot: Snapshot, identity: Identity) -> Watch:
    hooks, key = job.request.hooks, run_key(identity)
    what = f"{_named(job, [run])} [{identity.protocol.name}]"
    return Watch(
        stop=hooks.stop,
        progress=partial(hooks.scoring, what),
        partial=PartialScore(
            path=_partial_path(run, key),
            key=key,
            weights_sha256=weights_sha256(snapshot.params),
            device=job.request.device.type,
        ),
    )


def _partial_path(run: Run, key: str) -> Path:
    return run.checkpoint.parent / f"score-{key}.pt"


def _weights(
    job: _Job, run: Run, last: Snapshot, best: Snapshot | None, protocol: Protocol
) -> Snapshot:
    """The training, with the weights that `protocol` wants."""
    if protocol.checkpoint == "last":
        return last
    if best is None:
        raise UsageError(_no_best(job, run, last))
    return replace(last, params=best.params)


def _require_best(job: _Job, run: Run, snapshot: Snapshot) -> None:
    """Raise `UsageError` where the best weights up to `snapshot` are needed later and are lost.

    This is asked before the rest of the training, which may bring no better weights.
    """
    if not run.needs_best or not snapshot.history.curve:
        return
    if checkpoint.load(checkpoint.best(run.checkpoint), snapshot) is None:
        raise UsageError(_no_best(job, run, snapshot))


def _no_best(job: _Job, run: Run, snapshot: Snapshot) -> str:
    """Why there are no best weights of a training, and what to do."""
    name = f"seed {run.seed} of {job.request.setting.id} {job.request.method}"
    if not snapshot.history.curve:
        return f"{name} has no best-validation weights: its training has no point of the curve"
    folder, path = run.checkpoint.parent, checkpoint.best(run.checkpoint)
    again = "" if job.request.trains else f" && {_how_to_train(job, run)}"
    return (
        f"the best-validation weights of {name} cannot be read from {path}, and no other file has "
        "them; train it from the start, then give the same command again: "
        f"rm -r {shlex.quote(str(folder))}{again}"
    )


def _how_to_train(job: _Job, run: Run) -> str:
    return how_to_train(job.request.scored_as or run.identities[0])


def _record_failure(job: _Job, run: Run, error: Exception, snapshot: Snapshot) -> None:
    circumstances = _circumstances(job, 1)
    paths = [
        job.registry.write(results.failed(identity, error, snapshot, circumstances=circumstances))
        for identity in run.pending
    ]
    reason = f"{type(error).__name__}: {error}"
    job.outcome.failures.append(f"seed {run.seed}: {reason}; recorded in {paths[0]}")


def _circumstances(job: _Job, together: int) -> Circumstances:
    return Circumstances(
        started=job.started,
        device=job.request.device,
        seeds_together=together,
        changed_options=job.changed_options,
    )
