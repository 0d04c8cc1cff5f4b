"""The runs of a request: which of them stand, what each goes on from, which process is at it."""

import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import BaseFileLock, FileLock, Timeout

from baselines import Method, method_of, trainer_of
from baselines.options import options_of
from suite.errors import CheckpointError, Stopped, UsageError
from suite.files import cache_dir, remove_leftovers
from suite.models import Network
from suite.outer.snapshot import Snapshot, Training
from suite.registry import Record, Registry, run_key, training_key
from suite.registry.schema import DataFacts, Identity
from suite.run import checkpoint
from suite.run.request import Request
from suite.run.train import initial_snapshot
from suite.settings import Protocol, Schedule, get_setting

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One seed of a request, at `index` among its seeds."""

    index: int
    seed: int
    identities: list[Identity]
    standing: list[list[Record]]
    """The completed attempts of each identity."""
    rerun: int
    """An identity with more completed attempts than this is done."""
    training: Training
    """The training that is scored; other runs may share it."""
    checkpoints: Path | None
    """The folder in which trainings are saved; None is that of the cache."""

    @property
    def pending(self) -> list[Identity]:
        """The identities that are still to be scored."""
        pairs = zip(self.identities, self.standing, strict=True)
        return [identity for identity, done in pairs if len(done) <= self.rerun]

    @property
    def needs_best(self) -> bool:
        """Whether the weights of the best point of the curve are still to be scored."""
        return any(each.protocol.checkpoint == "best-validation" for each in self.pending)

    @property
    def checkpoint(self) -> Path:
        """Where its training is saved."""
        return checkpoint_of(self.training.name, self.checkpoints)


def checkpoint_of(training: str, checkpoints: Path | None = None) -> Path:
    """The file that keeps the training of that name, below `checkpoints` or else in the cache."""
    return (checkpoints or trainings_folder()) / training / "checkpoint.pt"


def trainings_folder() -> Path:
    """The folder in the cache in which trainings are saved by default."""
    return cache_dir() / "runs"


def look_up(
    request: Request,
    method: Method,
    trainer: Method,
    facts: Callable[[int], DataFacts],
    registry: Registry,
) -> list[Run]:
    """The runs of `request`, one a seed, each with its records that stand in the registry.

    `trainer` is the method that trains; `facts` gives the data of the seed at an index.
    """
    runs = []
    for index, seed in enumerate(request.seeds):
        identities = [
            _identity(request, method, facts(index), index, each) for each in request.protocols
        ]
        standing = [_completed_attempts(registry, identity) for identity in identities]
        rerun = min(map(len, standing)) if request.rerun else 0
        runs.append(
            Run(
                checkpoints=request.checkpoints,
                index=index,
                seed=seed,
                identities=identities,
                standing=standing,
                rerun=rerun,
                training=_training(trainer, identities[0], rerun),
            )
        )
    return runs


def trained_as(identity: Identity) -> Training:
    """The training of a run, which runs of other settings and methods may share.

    The setting and the method must be known here.
    """
    setting, schedule = get_setting(identity.setting), identity.schedule
    method = method_of(setting, identity.method, schedule)
    return _training(trainer_of(setting, method, schedule), identity)


def _training(trainer: Method, identity: Identity, rerun: int = 0) -> Training:
    """The training of `identity`, or the one that all settings of its data share."""
    shared = trainer.shared_config(identity.config)
    if shared is not None:
        own = options_of(trainer)
        if identity.method == trainer.name:
            own |= identity.options
        identity = msgspec.structs.replace(
            identity,
            setting=identity.config.dataset,
            method=trainer.name,
            options={name: own[name] for name in sorted(trainer.training_options)},
            config=shared,
        )
    return training_of(identity, rerun)


def training_of(identity: Identity, rerun: int = 0) -> Training:
    """The training of a run that shares it with no other setting or method."""
    iterations = identity.schedule.iterations
    title = title_of(identity.setting, identity.method, identity.seed, iterations)
    return Training(
        name=training_key(identity) + (f"-rerun{rerun}" if rerun else ""),
        title=title + (f", run again ({rerun})" if rerun else ""),
        iterations=iterations,
    )


def title_of(setting: str, method: str, seed: int, iterations: int) -> str:
    """A training in words: of a setting or, where settings share it, of their data set."""
    return f"{setting} {method} seed {seed}, {iterations:,} iterations"


def _completed_attempts(registry: Registry, identity: Identity) -> list[Record]:
    key = run_key(identity)
    attempts = registry.of_seed(identity.setting, identity.method, identity.seed, key)
    return [record for record in attempts if record.status == "completed"]


def _identity(
    request: Request, method: Method, data: DataFacts, index: int, protocol: Protocol
) -> Identity:
    return Identity(
        setting=request.setting.id,
        method=request.method,
        options=options_of(method),
        seed=request.seeds[index],
        config=request.config,
        schedule=request.schedule,
        protocol=protocol,
        data=data,
    )


def take_over_shorter(
    run: Run, request: Request, trainer: Method, network: Network, registry: Registry
) -> None:
    """Let the training of `run`, where nothing of it is saved, begin with a shorter one that is.

    The longest saved one is taken. Its weights are those that the longer training would have at
    that iteration. So no method takes one over whose outer step size depends on the length of
    training, and none is taken whose curve has points at other distances.
    """
    wanted = request.schedule
    if trainer.meta_lr(request.config, 0.0) is not None:
        return
    if run.rerun or run.checkpoint.exists() or checkpoint.previous(run.checkpoint).exists():
        return
    shorter = {
        record.schedule
        for record in registry.of_seed(request.setting.id, trainer.name, run.seed)
        if 0 < record.schedule.iterations < wanted.iterations
        and record.schedule.validate_every == wanted.validate_every
        and record.schedule.version == wanted.version
    }
    for schedule in sorted(shorter, key=lambda each: each.iterations, reverse=True):
        identity = msgspec.structs.replace(run.identities[0], schedule=schedule)
        training = _training(trainer, identity)
        saved = checkpoint_of(training.name, run.checkpoints)
        start = initial_snapshot(network, run.seed, training)
        if run.needs_best and checkpoint.load(checkpoint.best(saved), start) is None:
            continue
        if checkpoint.take_over(saved, start, run.checkpoint, run.training):
            return


def resumed(network: Network, runs: Sequence[Run]) -> Iterator[tuple[list[Run], list[Snapshot]]]:
    """Yield groups of runs that can train together, with the snapshots that they go on from.

    All go on from the newest iteration that all have saved. Where there is none, each goes on from
    its own newest checkpoint, and those at the same iteration go together.
    """
    found = [_snapshots(network, run) for run in runs]
    common = set.intersection(*map(set, found)) if found else set()
    groups: dict[int, list[int]] = defaultdict(list)
    for number, snapshots in enumerate(found):
        groups[max(common or snapshots)].append(number)
    for iteration, numbers in groups.items():
        if iteration:
            log.info("goes on from iteration %s", f"{iteration:,}")
        yield [runs[number] for number in numbers], [found[number][iteration] for number in numbers]


def _snapshots(network: Network, run: Run) -> dict[int, Snapshot]:
    """The last two snapshots by iteration; the start may be one of them."""
    start = initial_snapshot(network, run.seed, run.training)
    paths = (checkpoint.previous(run.checkpoint), run.checkpoint)
    saved = [snapshot for path in paths if (snapshot := checkpoint.load(path, start))]
    # A group that was killed while it wrote its first checkpoints has the start in common.
    earlier = [] if saved and paths[0].exists() else [start]
    return {snapshot.iteration: snapshot for snapshot in (*earlier, *saved)}


def trained(network: Network, run: Run, schedule: Schedule) -> bool:
    """Whether the training of `run` is finished."""
    return max(_snapshots(network, run)) >= schedule.iterations


@contextmanager
def claimed(
    runs: Sequence[Run], request: Request, *, wait: bool = False, to_score: bool = False
) -> Iterator[None]:
    """Hold the locks of the trainings of `runs`, or, `to_score`, those of their scorings alone.

    Raises `UsageError` where another process holds one of them. With `wait`, which is for trainings
    that several methods share, it waits for that process instead, and raises `Stopped` where the
    hooks say so.
    """
    with ExitStack() as locks:
        for run in runs:
            folder = run.checkpoint.parent
            name = f".lock-{training_key(run.identities[0])}" if to_score else ".lock"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                locks.enter_context(_acquired(FileLock(folder / name), run, request, wait=wait))
            except OSError as error:
                raise CheckpointError(
                    f"cannot save trainings in {folder}: {error.strerror}"
                ) from error
            if not to_score:
                remove_leftovers(folder)
        yield


def _acquired(
    lock: BaseFileLock, run: Run, request: Request, *, wait: bool
) -> AbstractContextManager[object]:
    for attempt in itertools.count():
        try:
            return lock.acquire(timeout=1.0 if wait else 0.0)
        except Timeout:
            if not wait:
                raise UsageError(
                    f"seed {run.seed} of {request.setting.id} {request.method} is being run by "
                    "another process; wait for it, or choose other --seeds"
                ) from None
            if not attempt:
                log.info("another process is at the pretraining of seed %s: waiting", run.seed)
            if reason := request.hooks.stop():
                raise Stopped(reason) from None
    raise AssertionError
