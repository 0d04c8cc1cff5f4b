"""A run from request to record: train once, score under each protocol, hand over each record."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import torch
from filelock import FileLock, Timeout

from baselines import METHODS, Method
from suite import checkpoint, results
from suite.checkpoint import TrainingState
from suite.data.images import ImageData
from suite.data.source import TaskSource, task_source
from suite.errors import SuiteError, UsageError
from suite.evaluate import evaluate
from suite.files import cache_dir
from suite.inner.learner import Learner
from suite.registry import Record, Registry, run_key, training_key
from suite.registry.schema import DataFacts, Identity, SplitFacts
from suite.settings import Config, Protocol, Schedule, Setting
from suite.train import Hooks, Stopped, initial_state, train

log = logging.getLogger(__name__)


class RunFailed(SuiteError):
    """A run raised an error, which stands in its record."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One training and its scorings."""

    setting: Setting
    method: str
    seed: int
    config: Config
    schedule: Schedule
    protocols: tuple[Protocol, ...]
    device: torch.device
    rerun: bool = False
    hooks: Hooks = field(default_factory=Hooks)
    """`checkpoint` is set by the runner."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The records of a request: those that stood and those that were written now."""

    standing: list[Record]
    written: list[tuple[Path, Record]]


@dataclass(frozen=True, kw_only=True)
class _Run:
    request: Request
    method: Method
    learner: Learner
    source: TaskSource
    state: TrainingState


def execute(request: Request, registry: Registry, images: ImageData | None) -> Outcome:
    """Run what does not stand in the registry yet.

    Raises `Stopped` where `request.hooks` stop the training, which then goes on from its checkpoint
    when the same request is executed again; `RunFailed` after recording a failure; `UsageError`
    where the request makes no sense or another process is at it.
    """
    method = METHODS[request.method]()
    method.check(request.setting)
    source = task_source(request.config, request.seed, request.device, images)
    identities = [_identity(request, method, source, each) for each in request.protocols]
    standing = _standing(registry, identities)
    rerun = min(map(len, standing)) if request.rerun else 0
    written: list[tuple[Path, Record]] = []
    if _pending(identities, standing, rerun):
        name = training_key(identities[0]) + (f"-rerun{rerun}" if rerun else "")
        folder = cache_dir() / "runs" / name
        with _claim(folder, request):
            # Another process may have finished it since we looked.
            standing = _standing(registry, identities)
            if pending := _pending(identities, standing, rerun):
                run = _begin(request, method, source)
                path = folder / "checkpoint.pt"
                written = list(_train_and_score(run, pending, path, registry))
    return Outcome(standing=[done[0] for done in standing if done], written=written)


def _standing(registry: Registry, identities: list[Identity]) -> list[list[Record]]:
    return [_completed_attempts(registry, identity) for identity in identities]


def _pending(
    identities: list[Identity], standing: list[list[Record]], rerun: int
) -> list[Identity]:
    pairs = zip(identities, standing, strict=True)
    return [identity for identity, done in pairs if len(done) <= rerun]


def _begin(request: Request, method: Method, source: TaskSource) -> _Run:
    network = method.network(request.config)
    state = initial_state(network, request.config, request.seed, request.device)
    learner = Learner(config=request.config, network=network, params=state.params)
    return _Run(request=request, method=method, learner=learner, source=source, state=state)


def _train_and_score(
    run: _Run, pending: list[Identity], path: Path, registry: Registry
) -> Iterator[tuple[Path, Record]]:
    started = results.now()
    remaining = list(pending)
    request, state = run.request, run.state
    try:
        if checkpoint.restore(path, state):
            log.info("goes on from iteration %s", f"{state.iteration:,}")
        hooks = replace(request.hooks, checkpoint=path)
        train(run.method, run.learner, request.schedule, run.source, state, hooks)
        for identity in pending:
            written = registry.write(_score(run, identity, started))
            remaining.remove(identity)
            yield written, registry.read(written)
    except (Stopped, UsageError):
        raise
    except Exception as error:
        paths = [
            registry.write(
                results.failed(identity, error, state, started=started, device=request.device)
            )
            for identity in remaining
        ]
        raise RunFailed(f"{type(error).__name__}: {error}; recorded in {paths[0]}") from error


def _score(run: _Run, identity: Identity, started: str) -> Record:
    began = time.monotonic()
    request, protocol = run.request, identity.protocol
    selected = run.method.select(run.learner, run.source.validation, protocol)
    scored = (run.method, run.learner, run.source.test, protocol, selected)
    scores = evaluate(*scored)
    evaluate_seconds = time.monotonic() - began
    return results.completed(
        identity,
        request.setting.metric,
        scores,
        selected,
        results.examples(*scored),
        run.state,
        started=started,
        evaluate_seconds=evaluate_seconds,
        device=request.device,
    )


def _identity(request: Request, method: Method, source: TaskSource, protocol: Protocol) -> Identity:
    split = source.split
    return Identity(
        setting=request.setting.id,
        method=request.method,
        options=msgspec.json.decode(msgspec.json.encode(method)),
        seed=request.seed,
        config=request.config,
        schedule=request.schedule,
        protocol=protocol,
        data=DataFacts(
            name=source.name,
            fingerprint=source.fingerprint,
            split=None
            if split is None
            else SplitFacts(
                seed=split.seed,
                counts=(len(split.train), len(split.validation), len(split.test)),
                sha256=split.sha256,
            ),
            warnings=source.warnings,
        ),
    )


def _completed_attempts(registry: Registry, identity: Identity) -> list[Record]:
    key = run_key(identity)
    attempts = registry.attempts(identity.setting, identity.method, identity.seed, key)
    return [record for record in attempts if record.status == "completed"]


@contextmanager
def _claim(folder: Path, request: Request) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise UsageError(
            f"seed {request.seed} of {request.setting.id} {request.method} is being run by another "
            "process; wait for it, or choose other --seeds"
        ) from None
