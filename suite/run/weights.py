"""Whether the weights at hand are a record's, and the commands that help where they are not."""

import itertools
import logging
import shlex
from pathlib import Path

import msgspec

from baselines import method_of
from baselines.options import options_of
from suite.errors import UsageError
from suite.models import Params
from suite.outer.snapshot import weights_sha256
from suite.registry import Record, run_key
from suite.registry.schema import Identity
from suite.settings import get_setting

log = logging.getLogger(__name__)

_AGAIN = Path("build/again")


def how_to_train(identity: Identity) -> str:
    """The command that trains the weights of a recorded run once more, into the cache.

    It names a registry that does not exist yet, since a run that stands is not run again.
    """
    return _training_command(identity, _new_registry())


def recorded_weights(record: Record) -> dict[str, str | None]:
    """The sha256 of the weights that `record` names, by their kind: `last` or `best-validation`."""
    return {
        "best-validation": record.provenance.best_weights_sha256,
        record.protocol.checkpoint: record.provenance.weights_sha256,
    }


def require_recorded(
    record: Record,
    wanted: str,
    weights: dict[str, Params | None],
    command: str = "suite evaluate {key}",
) -> None:
    """Raise `UsageError` where weights of the cache are not those that `record` was scored with.

    `weights` has them by their kind, `last` or `best-validation`; `wanted` is the kind to be
    scored. Where the record does not name that kind, the other one tells whether the training is
    the same. `command` is the command to give once a record has the weights of the cache.
    """
    known = recorded_weights(record)
    for kind in sorted(weights, key=lambda each: each != wanted):
        found = weights[kind]
        if found is not None and known.get(kind) is not None:
            if weights_sha256(found) != known[kind]:
                raise UsageError(_others(record, command))
            return
    log.warning("record %s does not name its weights: those of the cache are taken", record.key)


def _others(record: Record, command: str) -> str:
    own = get_setting(record.setting).recipe(record.method).protocols
    protocol = record.protocol if record.protocol in own else own[0]
    key = run_key(msgspec.structs.replace(record, protocol=protocol))
    results = _new_registry()
    return (
        f"the weights in the cache are not those of record {record.key}: another training or "
        "another machine gave them; to give them a record of their own: "
        f"{_training_command(record, results)} && {command.format(key=key)} --results {results}"
    )


def _training_command(identity: Identity, results: Path) -> str:
    setting, method = get_setting(identity.setting), identity.method
    length = identity.schedule.iterations
    own = msgspec.structs.asdict(setting.recipe(method).config)
    own |= options_of(method_of(setting, method, identity.schedule))
    changes = [
        shlex.quote(f"{name}={msgspec.json.encode(value).decode()}")
        for name, value in (msgspec.structs.asdict(identity.config) | identity.options).items()
        if name not in own or value != own[name]
    ]
    parts = [*_older_code(identity), "suite run", setting.id, method, f"--seeds {identity.seed}"]
    if length not in (0, setting.schedule(None, method).iterations):
        parts.append(f"--iterations {length}")
    if changes:
        parts += ["--set", *changes]
    return " ".join([*parts, f"--results {results}"])


def _older_code(identity: Identity) -> list[str]:
    """The command that brings back the code of that time, where today's code trains otherwise."""
    version = get_setting(identity.setting).schedule(None, identity.method).version
    if identity.schedule.version == version or not isinstance(identity, Record):
        return []
    commits = identity.provenance.training_commits or (identity.provenance.git_commit or "",)
    commit = commits[-1].removesuffix("-dirty")
    return [f"git checkout {commit} &&"] if commit not in ("", "unknown") else []


def _new_registry() -> Path:
    """The path of a folder that does not exist yet."""
    names = itertools.chain([_AGAIN], (Path(f"{_AGAIN}-{n}") for n in itertools.count(2)))
    return next(path for path in names if not path.exists())
