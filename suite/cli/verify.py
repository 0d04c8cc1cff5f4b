"""`suite verify`: whether a record is what its run gives."""

import math
import tempfile
from pathlib import Path

from suite.cli.checks import method_for
from suite.cli.commands import Verify
from suite.cli.evaluate import hooks, prepared
from suite.cli.limits import Limits, limited
from suite.errors import CheckpointError, UsageError, one_line
from suite.machine import environment
from suite.outer.engine import Engine
from suite.registry import Record, Registry
from suite.registry.find import find_record, home_of
from suite.run.execute import execute
from suite.run.packs.published import scoring_checkpoints
from suite.run.request import Request
from suite.settings import get_setting

EQUAL, DIFFERS, UNKNOWN = 0, 1, 2
_CIRCUMSTANCES = ("device", "threads", "engine", "versions", "git_commit")


def verify_command(options: Verify) -> int:
    """See `Verify`; the exit code."""
    if not options.runs:
        raise UsageError("name a RUN; see: suite list")
    limits, registry = Limits(None), Registry(options.results)

    def verified() -> int:
        codes = [
            _verify(find_record(registry, each), home_of(registry, each), options, limits)
            for each in options.runs
        ]
        return DIFFERS if DIFFERS in codes else max(codes)

    return limited(limits, verified)


def _verify(record: Record, registry: Registry, options: Verify, limits: Limits) -> int:
    name = f"{record.setting} {record.method} seed {record.seed} [{one_line(record.protocol.name)}]"
    if record.status == "failed":
        print(f"{name}: it failed, and has no outcomes to compare")
        return UNKNOWN
    with tempfile.TemporaryDirectory(prefix="suite-verify-") as folder:
        try:
            found = _again(record, registry, Path(folder), options, limits)
        except (UsageError, CheckpointError) as error:
            print(f"{name}: cannot tell: {error} (or here: suite verify RUN --train)")
            return UNKNOWN
    if found is None:
        print(f"{name}: cannot tell: its data, options or code are other ones here")
        return UNKNOWN
    largest, tasks = _difference(record, found)
    if not tasks:
        how = "trained and scored again" if options.train else "its weights scored again"
        print(f"{name}: equal to the last digit, {how}")
        return EQUAL
    print(f"{name}: {tasks} of {record.protocol.tasks} tasks differ, by {largest:g} at most")
    for line in _circumstances(record, found):
        print(f"  {line}")
    return DIFFERS


def _again(
    record: Record, registry: Registry, folder: Path, options: Verify, limits: Limits
) -> Record | None:
    """The record that the same run gives now; None where it would be another run."""
    setting = get_setting(record.setting)
    method_for(setting, record.method)
    train = options.train
    device, images = prepared(options, setting, limits)
    engine = Engine().resumed(record.provenance.engine, device) if train else Engine()
    request = Request(
        setting=setting,
        method=record.method,
        seeds=(record.seed,),
        options=record.options,
        config=record.config,
        schedule=record.schedule,
        protocols=(record.protocol,),
        device=device,
        trains=train,
        recorded=True,
        scored_as=None if train else record,
        checkpoints=folder / "checkpoints" if train else scoring_checkpoints(record, registry),
        engine=engine,
        hooks=hooks(limits, None),
    )
    environment.use_precision(record.config.precision, device)
    outcome = execute(request, Registry(folder / "results"), images)
    if outcome.failures:
        raise UsageError(one_line(outcome.failures[0]))
    return next((each for _, each in outcome.written if each.key == record.key), None)


def _difference(record: Record, found: Record) -> tuple[float, int]:
    """The largest difference of an outcome, and how many tasks differ."""
    largest, tasks = 0.0, set()
    for name, rows in record.per_task.items():
        for ours, theirs in zip(rows, found.per_task[name], strict=True):
            for task, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                if one != other:
                    tasks.add(task)
                    both = one is not None and other is not None
                    gap = abs(one - other) if both else math.inf  # type: ignore[operator]
                    largest = max(largest, gap)
    return largest, len(tasks)


def _circumstances(record: Record, found: Record) -> list[str]:
    """What may explain a difference."""
    then, now = record.provenance, found.provenance
    return [
        one_line(f"{name}: {getattr(then, name)} then, {getattr(now, name)} now")
        for name in _CIRCUMSTANCES
        if getattr(then, name) != getattr(now, name)
    ]
