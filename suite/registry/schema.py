"""The record of a run: one typed value, one JSON file.

A record is refused, with its file's name, where a field is unknown or missing, a number is not
finite, or the schema is newer than this code.
"""

from typing import Any, Literal

import msgspec

from suite.settings.schema import Config, Protocol, Schedule

SCHEMA_VERSION = 1

Status = Literal["completed", "failed"]


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of a record's parts; as in the settings, fields at their default are left out."""


class SplitFacts(_Part, frozen=True, kw_only=True):
    """Which classes are in which split."""

    seed: int | None
    """Seed of the drawn split, or None where the data set comes with its own."""
    counts: tuple[int, int, int]
    """Classes for training, validation and test."""
    sha256: str
    """The sha256 of the names of the classes of each split, in their order."""


class DataFacts(_Part, frozen=True, kw_only=True):
    """Which data a run saw."""

    name: str
    fingerprint: str
    """sha256 over the sorted hashes of all images; for generated tasks, of their definition."""
    split: SplitFacts | None
    warnings: tuple[str, ...]


class MetricResult(_Part, frozen=True, kw_only=True):
    """One metric over the test tasks of one trained model. Accuracies are fractions."""

    mean: float | None
    """Mean over tasks at the protocol's report_step; None where a task's outcome is not finite."""
    ci95_tasks: float | None
    """1.96 * population sd / sqrt(tasks), as the authors compute it; for one trained model."""
    by_step: tuple[float | None, ...]
    """Mean over tasks after 0, 1, ... gradient steps; both on the query set."""
    median: float | None
    """Median over tasks at report_step, where a task that is not finite counts as infinite."""
    diverged: int
    """Tasks whose outcome at report_step is not finite."""


class CurvePoint(_Part, frozen=True, kw_only=True):
    """One point of the training curve."""

    iteration: int
    """Meta-iterations done."""
    train_loss: float | None
    """Mean of the objective since the last point; None where it is not finite."""
    train_metric: float | None
    """Mean of the metric on the training tasks' query sets since the last point."""
    validation_metric: float | None
    """Mean of the metric on one meta-batch of validation tasks; of policies, on the last one that
    was trained on, before that."""
    before: float | None = None
    """The mean return of policies on the last meta-batch before adaptation."""
    divergence: float | None = None
    """The divergence of the new policies from the old in the last step, in nats."""


class Example(_Part, frozen=True, kw_only=True):
    """One test task of a regression, drawn over the whole range of inputs."""

    x: tuple[float, ...]
    truth: tuple[float, ...]
    support_x: tuple[float, ...]
    support_y: tuple[float, ...]
    by_step: dict[str, tuple[float | None, ...]]
    """Number of gradient steps to the network's outputs on `x`."""


class Timing(_Part, frozen=True, kw_only=True):
    """What a run cost; no part of its key."""

    train_seconds: float
    """This run's share of the time, where several seeds were trained together."""
    evaluate_seconds: float
    iterations_per_second: float | None
    peak_memory_bytes: int
    """The greatest use of the GPU's memory, or elsewhere of the process's."""
    resumes: int
    """How often training was taken up from a checkpoint."""
    seeds_together: int = 1
    """How many seeds were trained side by side."""
    environment_steps: int = 0
    """The steps that policies took in training."""
    train_joules: float | None = None
    """What the device used, where its driver reports it; this run's share, as of the time."""
    evaluate_joules: float | None = None


class Provenance(_Part, frozen=True, kw_only=True):
    """Where a run comes from; no part of its key."""

    started: str
    finished: str
    """UTC, ISO 8601."""
    command: str
    git_commit: str | None
    git_dirty: bool | None
    git_unknown: str | None = None
    """Why the commit is not known."""
    versions: dict[str, str]
    """python, torch, higher, numpy, suite, and cuda where there is one."""
    device: str
    host: str
    threads: int
    weights_sha256: str | None
    """The sha256 of the weights that were scored; see `suite.outer.snapshot.weights_sha256`."""
    best_weights_sha256: str | None = None
    """The sha256 of the weights of the best point of the curve, where they were kept."""
    training_commits: tuple[str, ...] = ()
    """The code that trained, where it may be older than the code that scored: a trained model is
    kept in the cache. With `-dirty` where there were changes; empty where it was not noted."""
    engine: str = "eager"
    """What carried out the iterations; see `suite.outer.engine`."""
    changed_options: tuple[str, ...] = ()
    """The options that were not the method's defaults, on that schedule and in that code."""
    unlike_sweep: tuple[str, ...] = ()
    """In what the machine was not as that of the sweep which gave it the run, where that was
    allowed: each with both values."""


class Failure(_Part, frozen=True, kw_only=True):
    """Why a run failed."""

    exception: str
    message: str
    last_lines: tuple[str, ...]


class Identity(_Part, frozen=True, kw_only=True):
    """What a key hashes: two runs with an equal identity are the same run."""

    setting: str
    method: str
    options: dict[str, Any]
    """The method's own hyper-parameters."""
    seed: int
    config: Config
    schedule: Schedule
    protocol: Protocol
    data: DataFacts


class Record(Identity, frozen=True, kw_only=True):
    """One run: a trained model, scored under one protocol."""

    schema: int
    key: str
    """First 12 hexadecimal digits of the sha256 of the identity; see `suite.registry.key`."""
    attempt: int
    """0 for the first record of this key; failures and reruns count up."""
    status: Status
    failure: Failure | None
    selected: dict[str, float]
    """What the method chose on validation tasks, by name."""
    metrics: dict[str, MetricResult]
    """`accuracy`, `mse` or `return`; empty for a failed run."""
    per_task: dict[str, tuple[tuple[float | None, ...], ...]]
    """Metric to the outcome of every test task: one row a gradient step, one column a task."""
    examples: tuple[Example, ...]
    """The first test tasks, for figures; empty for classification."""
    curve: tuple[CurvePoint, ...]
    timing: Timing
    provenance: Provenance


def json_schema() -> dict[str, Any]:
    """The JSON schema of a record."""
    return msgspec.json.schema(Record)
