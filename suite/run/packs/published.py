"""Weights that are published beside their records, to be scored and used without training.

They are in safetensors, which has names, shapes and numbers, and nothing to run. A file is held to
the sha256 of all these, which the record names.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import safetensors.torch
import torch

from baselines import method_of, trainer_of
from suite.errors import UsageError, one_line
from suite.files import atomic_write, cache_dir, expanded, read_regular
from suite.models import Network, Params
from suite.outer.snapshot import History, Snapshot, Training, initial, weights_sha256
from suite.registry import Record, Registry
from suite.registry.find import find_record, home_of
from suite.registry.published import path_of_weights, published, weights_name, weights_place
from suite.run import checkpoint
from suite.run.resume import checkpoint_of, trained_as
from suite.run.sealed import Unusable
from suite.run.weights import recorded_weights
from suite.settings import get_setting

MOST_BYTES = 1_000_000
_MOST_READ = 2**26


class NotHere(UsageError):
    """The weights of a record are not in the cache."""


class TooLarge(UsageError):
    """The weights of a record are more than a registry should hold."""


def publish(record: Record, root: Path) -> list[Path]:
    """Write the weights of `record` from the cache to the registry at `root`; returns new files.

    These are the last weights of its training and those of the best point of its curve, as far as
    the record names them. Raises `NotHere` where the cache lacks them, `TooLarge` where they are
    too large, and another `UsageError` where the record names none.
    """
    known = {sha256 for sha256 in recorded_weights(record).values() if sha256}
    if not known:
        raise UsageError(f"record {record.key} does not name its weights: run it again")
    there, new = published(root), {}
    cached = _cached(trained_as(record))
    for sha256 in sorted(known):
        if weights_name(record.seed, sha256) in there:
            continue
        if sha256 not in cached:
            raise NotHere(f"the weights of record {record.key} are not in the cache")
        new[root / weights_place(record, sha256)] = _encoded(record, cached[sha256])
    for path, data in new.items():
        atomic_write(path, data)
    return list(new)


def _encoded(record: Record, params: Params) -> bytes:
    if any(value.dtype != torch.float32 for value in params.values()):
        raise UsageError(f"the weights of record {record.key} are not float32: not published")
    data = safetensors.torch.save({name: each.contiguous() for name, each in params.items()})
    if len(data) > MOST_BYTES:
        raise TooLarge(
            f"the weights of record {record.key} have {len(data) / 1e6:.1f} MB, more than the "
            f"{MOST_BYTES / 1e6:.0f} that is published; let them travel with: suite pack FILE.pack"
        )
    return data


def _cached(training: Training) -> dict[str, Params]:
    """The last and the best weights of a training that are in the cache, by their sha256."""
    last = checkpoint_of(training.name)
    found = {}
    for path in (last, checkpoint.best(last)):
        try:
            params = checkpoint.decoded(path.read_bytes(), path.parent.name).params
        except (FileNotFoundError, Unusable):
            continue
        found[weights_sha256(params)] = params
    return found


def scoring_checkpoints(record: Record, registry: Registry) -> Path | None:
    """A folder of checkpoints with the published weights of `record`.

    None means that the cache is to be used: it has the weights, or none are published. Nothing may
    be trained from the checkpoints of that folder, since they have no state of Adam.
    """
    known = _known(record, registry)
    there = published(registry.root)
    training = trained_as(record)
    last = known.get("last")
    if last is None or weights_name(record.seed, last) not in there:
        return None
    if set(filter(None, known.values())) <= set(_cached(training)):
        return None
    root = cache_dir() / "published" / last[:12]
    path = checkpoint_of(training.name, root)
    history = _history(record, training)
    best = known.get("best-validation")
    if best is not None and weights_name(record.seed, best) in there:
        params = read_weights(registry.root / there[weights_name(record.seed, best)], best)
        checkpoint.save_best(path, _finished(params, history))
    params = read_weights(registry.root / there[weights_name(record.seed, last)], last)
    checkpoint.save(path, _finished(params, history))
    return root


def _known(record: Record, registry: Registry) -> dict[str, str | None]:
    """The sha256 of the weights of a record's training, by kind, as all its records tell them."""
    known = recorded_weights(record)
    if known.get("last") is None:
        others = registry.of_seed(record.setting, record.method, record.seed)
        known |= _last_of(record, others)
    return known


def _last_of(record: Record, others: Iterable[Record]) -> dict[str, str | None]:
    """The weights that one of `others` names which was scored with the last weights of `record`.

    It is of the same training where it names the same best weights.
    """
    best = recorded_weights(record).get("best-validation")
    for other in others:
        recorded = recorded_weights(other)
        if best is not None and recorded.get("best-validation") == best and recorded.get("last"):
            return recorded
    return {}


def _history(record: Record, training: Training) -> History:
    """The history of a training, as the record tells it."""

    def value(number: float | None) -> float:
        return math.nan if number is None else number

    points = [
        (
            each.iteration,
            value(each.train_loss),
            value(each.train_metric),
            value(each.validation_metric),
        )
        for each in record.curve
    ]
    policies = [(value(each.before), value(each.divergence)) for each in record.curve]
    timing, origin = record.timing, record.provenance
    return History(
        training=training,
        curve=points,
        seconds=timing.train_seconds,
        resumes=timing.resumes,
        commits=list(origin.training_commits),
        engine=origin.engine,
        policies=policies if any(math.isfinite(each) for pair in policies for each in pair) else [],
        environment_steps=timing.environment_steps,
        joules=timing.train_joules,
    )


def _finished(params: Params, history: History) -> Snapshot:
    return replace(initial(params), iteration=history.training.iterations, history=history)


def read_weights(path: Path, sha256: str) -> Params:
    """The weights in `path` by name, on the CPU; a `UsageError` where `sha256` is not theirs."""
    try:
        params = dict(safetensors.torch.load(read_regular(path, _MOST_READ)))
    except Exception as error:  # a torn file fails in any way
        message = " ".join(str(error).split())[:200]
        raise UsageError(one_line(f"{path} cannot be read ({message}); bring it again")) from error
    if weights_sha256(params) != sha256:
        raise UsageError(f"{path} does not have the weights that its record names; bring it again")
    return params


def trained_network(run: str | Path, results: str | Path = "results") -> tuple[Network, Params]:
    """The network of a run, and the published weights that the run was scored with, by name.

    `run` is a record's file, the beginning of its key, or setting/method/seed, in the registry at
    `results`. Each weight is (1, ...), and `network.forward(weights, x)` takes inputs (1, batch,
    *input) and gives outputs (1, batch, output). Raises `UsageError` where there is no such run, or
    where its weights are not published.
    """
    registry = home_of(Registry(expanded(results)), str(run))
    record = find_record(registry, str(run))
    sha256, name = (
        record.provenance.weights_sha256,
        path_of_weights(record, published(registry.root)),
    )
    if sha256 is None or name is None:
        raise UsageError(f"the weights of {record.key} are not published in {registry.root}")
    params = read_weights(registry.root / name, sha256)
    setting = get_setting(record.setting)
    method = method_of(setting, record.method, record.schedule, record.options)
    trainer = trainer_of(setting, method, record.schedule)
    network = trainer.network(record.config, len(params.get("head.bias", ())))
    return network, {name: value[None] for name, value in params.items()}
