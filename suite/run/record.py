"""From scores to a record: rounding, means, intervals, provenance."""

import math
import shlex
import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime

import torch

from baselines import FewShotMethod
from suite.data.sinusoid import SinusoidStream
from suite.data.tasks import TaskStream
from suite.escape import utf8
from suite.inner.learner import Learner
from suite.machine import environment
from suite.outer.snapshot import Snapshot, weights_sha256
from suite.registry import run_key
from suite.registry.schema import (
    SCHEMA_VERSION,
    CurvePoint,
    Example,
    Failure,
    Identity,
    Provenance,
    Record,
    Timing,
)
from suite.registry.summary import summarise
from suite.run.domain import Scored
from suite.settings import Protocol

# The significant digits to which outcomes are kept; means are taken of the kept values.
_DIGITS = 6
_LAST_LINES = 12
# Two tasks, on 101 points, after these steps: as in the paper's Figure 2.
_EXAMPLES = 2
_GRID_POINTS = 101
_EXAMPLE_STEPS = (0, 1, 10)


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _rounded(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def outcomes(scores: torch.Tensor) -> tuple[tuple[float | None, ...], ...]:
    """(step, task) scores as a record keeps them: rounded, None where not finite."""
    return tuple(tuple(_rounded(value) for value in row) for row in scores.tolist())


def examples(
    method: FewShotMethod,
    learner: Learner,
    test: TaskStream,
    protocol: Protocol,
    selected: dict[str, float],
) -> tuple[Example, ...]:
    """The first test tasks as drawn curves; none for classification."""
    if not isinstance(test, SinusoidStream):
        return ()
    batch = test.on_grid(0, _EXAMPLES, protocol.k_shot, _GRID_POINTS)
    outputs = list(method.by_step(learner, batch, protocol.steps, selected))
    steps = sorted({step for step in _EXAMPLE_STEPS if step <= protocol.steps})

    def values(tensor: torch.Tensor, task: int) -> tuple[float, ...]:
        return tuple(float(f"{value:.{_DIGITS}g}") for value in tensor[task].flatten().tolist())

    return tuple(
        Example(
            x=values(batch.query_x, task),
            truth=values(batch.query_y, task),
            support_x=values(batch.support_x, task),
            support_y=values(batch.support_y, task),
            by_step={str(step): outcomes(outputs[step][task].T)[0] for step in steps},
        )
        for task in range(_EXAMPLES)
    )


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """How a run was carried out; no part of its key."""

    started: str
    device: torch.device
    seeds_together: int
    changed_options: tuple[str, ...]
    """The names of the method's options that differ from its defaults on that schedule."""


def _curve(snapshot: Snapshot) -> tuple[CurvePoint, ...]:
    curve = snapshot.history.curve
    policies = snapshot.history.policies or [(math.nan, math.nan)] * len(curve)
    return tuple(
        CurvePoint(
            iteration=iteration,
            train_loss=_rounded(loss),
            train_metric=_rounded(metric),
            validation_metric=_rounded(validation),
            before=_rounded(before),
            divergence=_rounded(divergence),
        )
        for (iteration, loss, metric, validation), (before, divergence) in zip(
            curve, policies, strict=True
        )
    )


def _provenance(
    circumstances: Circumstances,
    snapshot: Snapshot | None = None,
    best_weights_sha256: str | None = None,
) -> Provenance:
    commit, dirty, unknown = environment.git_state()
    return Provenance(
        started=circumstances.started,
        finished=now(),
        command=utf8(shlex.join(["suite", *sys.argv[1:]])),
        git_commit=commit,
        git_dirty=dirty,
        git_unknown=unknown and utf8(unknown),
        versions=environment.versions(),
        device=environment.device_name(circumstances.device),
        host=utf8(environment.host()),
        threads=torch.get_num_threads(),
        weights_sha256=weights_sha256(snapshot.params) if snapshot else None,
        best_weights_sha256=best_weights_sha256,
        training_commits=tuple(snapshot.history.commits) if snapshot else (),
        engine=snapshot.history.engine if snapshot else "eager",
        changed_options=circumstances.changed_options,
    )


def _timing(
    snapshot: Snapshot,
    evaluate_seconds: float,
    evaluate_joules: float | None,
    circumstances: Circumstances,
) -> Timing:
    seconds, joules = snapshot.history.seconds, snapshot.history.joules
    return Timing(
        train_seconds=round(seconds, 3),
        evaluate_seconds=round(evaluate_seconds, 3),
        iterations_per_second=round(snapshot.iteration / seconds, 3) if seconds else None,
        peak_memory_bytes=environment.peak_memory_bytes(circumstances.device),
        resumes=snapshot.history.resumes,
        seeds_together=circumstances.seeds_together,
        environment_steps=snapshot.history.environment_steps,
        train_joules=None if joules is None else round(joules, 1),
        evaluate_joules=None if evaluate_joules is None else round(evaluate_joules, 1),
    )


def _identity_fields(identity: Identity) -> dict[str, object]:
    return {name: getattr(identity, name) for name in Identity.__struct_fields__}


def completed(
    identity: Identity,
    metric: str,
    scored: Scored,
    snapshot: Snapshot,
    *,
    best_weights_sha256: str | None,
    evaluate_seconds: float,
    evaluate_joules: float | None,
    circumstances: Circumstances,
) -> Record:
    """The record of a finished run."""
    per_task = outcomes(scored.scores)
    return Record(
        **_identity_fields(identity),  # type: ignore[arg-type]
        schema=SCHEMA_VERSION,
        key=run_key(identity),
        attempt=0,
        status="completed",
        failure=None,
        selected=scored.selected,
        metrics={metric: summarise(per_task, identity.protocol.report_step)},
        per_task={metric: per_task},
        examples=scored.examples,
        curve=_curve(snapshot),
        timing=_timing(snapshot, evaluate_seconds, evaluate_joules, circumstances),
        provenance=_provenance(circumstances, snapshot, best_weights_sha256),
    )


def failed(
    identity: Identity,
    error: BaseException,
    snapshot: Snapshot,
    *,
    circumstances: Circumstances,
) -> Record:
    """The record of a run that raised `error`."""
    lines = utf8("".join(traceback.format_exception(error))).splitlines()
    return Record(
        **_identity_fields(identity),  # type: ignore[arg-type]
        schema=SCHEMA_VERSION,
        key=run_key(identity),
        attempt=0,
        status="failed",
        failure=Failure(
            exception=type(error).__name__,
            message=utf8(str(error)),
            last_lines=tuple(lines[-_LAST_LINES:]),
        ),
        selected={},
        metrics={},
        per_task={},
        examples=(),
        curve=_curve(snapshot),
        timing=_timing(snapshot, 0.0, None, circumstances),
        provenance=_provenance(circumstances),
    )
