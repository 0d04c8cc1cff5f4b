"""Synthetic records for the report's tests, and the golden registry that is made of them.

No number here was measured: all are drawn from a fixed seed, and each record's host is "golden".
Run `python tests/report/make_golden.py` to write `golden/results` and `golden/tables.md` anew.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from suite.registry import Record, Registry, run_key
from suite.registry.schema import (
    SCHEMA_VERSION,
    CurvePoint,
    DataFacts,
    Example,
    Failure,
    MetricResult,
    Provenance,
    SplitFacts,
    Timing,
)
from suite.report.tables.render import render_tables
from suite.settings import Setting, get_setting
from suite.stats import ci95_tasks

GOLDEN = Path(__file__).parent / "golden"
DRAWN = 4
"""Outcomes a step; the tasks of the protocol have them in turn, so that git packs them small."""
STEPS = 11


def make_record(
    setting_id: str,
    method: str,
    seed: int,
    *,
    level: float,
    iterations: int | None = None,
    protocol: int = 0,
    diverged: int = 0,
    attempt: int = 0,
    changes: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    selected: dict[str, float] | None = None,
) -> Record:
    """A completed record whose mean ends near `level`; `changes` are fields of its config."""
    setting = get_setting(setting_id)
    rng = np.random.default_rng([seed, attempt, round(1000 * abs(level))])
    chosen = setting.recipe(method).protocols[protocol]
    outcomes = _outcomes(rng, setting, level)[-chosen.steps - 1 :]
    schedule = setting.schedule(iterations, method)
    rows = tuple(
        tuple(
            None if task < diverged and step >= 5 else row[task % DRAWN]
            for task in range(chosen.tasks)
        )
        for step, row in enumerate(outcomes)
    )
    record = Record(
        setting=setting_id,
        method=method,
        options=options or {},
        seed=seed,
        config=msgspec.structs.replace(setting.recipe(method).config, **(changes or {})),
        schedule=schedule,
        protocol=chosen,
        data=DataFacts(
            name=setting.config.dataset,
            fingerprint="golden" * 8,
            split=_split(setting, seed),
            warnings=(),
        ),
        schema=SCHEMA_VERSION,
        key="",
        attempt=attempt,
        status="completed",
        failure=None,
        selected=selected or {},
        metrics={setting.metric.name: _result(rows, chosen.report_step)},
        per_task={setting.metric.name: rows},
        examples=_examples(setting),
        curve=_curve(rng, setting, schedule.iterations, level),
        timing=Timing(
            train_seconds=1800.0,
            evaluate_seconds=36.0,
            iterations_per_second=20.0,
            peak_memory_bytes=2**30,
            resumes=0,
        ),
        provenance=_provenance(seed, attempt),
    )
    return msgspec.structs.replace(record, key=run_key(record))


def fail(record: Record) -> Record:
    """The same run, failed."""
    return msgspec.structs.replace(
        record,
        status="failed",
        failure=Failure(exception="OutOfMemoryError", message="synthetic", last_lines=("golden",)),
        metrics={},
        per_task={},
        examples=(),
        selected={},
        curve=(),
    )


def golden_records() -> Iterator[Record]:
    """One case each of what a table can show."""
    omniglot = "omniglot-5way-1shot"
    for seed in range(3):
        yield make_record(omniglot, "maml", seed, level=0.98)
    yield make_record(omniglot, "maml", 1, level=0.5, attempt=1)
    yield make_record(omniglot, "fomaml", 0, level=0.97)
    yield fail(make_record(omniglot, "fomaml", 1, level=0.97))
    for iterations, seed in ((3000, 0), (3000, 1), (12_000, 0)):
        yield make_record(omniglot, "maml", seed, level=0.93, iterations=iterations)
    changed = {"inner_lr": 0.1, "loss_scale": "mean"}
    yield make_record(omniglot, "maml", 0, level=0.92, changes=changed)
    yield make_record("omniglot-20way-5shot", "maml", 0, level=0.96, iterations=90_000)
    for seed in range(2):
        yield make_record("glyphs-5way-1shot", "maml", seed, level=0.9)
    yield from _pretrained()
    yield from _sinusoids()
    yield from _policies()


def _pretrained() -> Iterator[Record]:
    mini = "miniimagenet-5way-1shot"
    tuned = {"step_size": 0.01, "decay": 1e-3}
    for protocol in range(2):
        for seed in range(2):
            yield make_record(mini, "nearest-neighbour", seed, level=0.41, protocol=protocol)
        yield make_record(mini, "fine-tuning", 0, level=0.3, protocol=protocol, selected=tuned)
    options = {"l2": 1.0}
    yield make_record(
        "omniglot-5way-1shot", "pretraining", 0, level=0.8, iterations=500, options=options
    )


def _sinusoids() -> Iterator[Record]:
    levels = {"maml": 0.35, "fomaml": 0.6, "pretraining": 2.2, "oracle": 0.002}
    for protocol in range(3):
        for method, level in levels.items():
            chosen = {"test_lr": 0.005} if method == "pretraining" else {}
            for seed in range(3 if method == "maml" else 2):
                yield make_record(
                    "sinusoid",
                    method,
                    seed,
                    level=level / (1 + protocol),
                    protocol=protocol,
                    selected=chosen,
                )
    yield make_record("sinusoid", "random-init", 0, level=3.1, iterations=0)
    yield make_record("sinusoid", "maml", 0, level=3.0, iterations=0)
    for seed in range(2):
        yield make_record(
            "sinusoid", "maml", seed, level=0.4, diverged=seed, changes={"inner_lr": 0.01}
        )


def _policies() -> Iterator[Record]:
    for seed in range(3):
        yield make_record("point-navigation", "maml", seed, level=-4.0)
    chosen = {"step_size": 0.1}
    yield make_record("point-navigation", "pretraining", 0, level=-9.0, selected=chosen)
    yield make_record("point-navigation", "random-init", 0, level=-45.0, iterations=0)
    yield make_record("cheetah-direction", "fomaml", 0, level=80.0, iterations=10)
    changed = {"fisher_tasks": 4}
    yield make_record("cheetah-direction", "maml", 0, level=60.0, changes=changed)


def write_golden(folder: Path = GOLDEN) -> None:
    """Write the golden registry and its expected table into `folder`, from scratch."""
    shutil.rmtree(folder / "results", ignore_errors=True)
    registry = Registry(folder / "results")
    for record in golden_records():
        registry.write(record)
    (folder / "results" / ".lock").unlink(missing_ok=True)
    expected = render_tables(registry.records(), results_link="results")
    (folder / "tables.md").write_text(expected, encoding="utf-8")


def _outcomes(rng: np.random.Generator, setting: Setting, level: float) -> list[list[float]]:
    """Synthetic outcomes: (step, task)."""
    start, spread = {"mse": (3.0, 0.3 * level), "return": (-40.0, 5.0)}.get(
        setting.metric.name, (0.2, 0.02)
    )
    drift = np.exp(-1.5 * np.arange(STEPS))[:, None] * (start - level)
    drawn = level * (1 + 0.1 * rng.normal()) if setting.metric.name == "mse" else level
    values = drawn + drift + spread * rng.uniform(-1, 1, size=DRAWN)
    limited = np.clip(values, 1e-4, 1.0 if setting.metric.name == "accuracy" else None)
    if setting.metric.name == "return":
        limited = values
    return [[float(f"{value:.3g}") for value in row] for row in limited]


def _result(rows: tuple[tuple[float | None, ...], ...], report_step: int) -> MetricResult:
    by_step = tuple(_mean(row) for row in rows)
    row = rows[report_step]
    finite = [value for value in row if value is not None]
    complete = len(finite) == len(row)
    middle = float(np.median([np.inf if value is None else value for value in row]))
    return MetricResult(
        mean=by_step[report_step],
        ci95_tasks=ci95_tasks(finite) if complete else None,
        by_step=by_step,
        median=middle if np.isfinite(middle) else None,
        diverged=len(row) - len(finite),
    )


def _mean(row: tuple[float | None, ...]) -> float | None:
    finite = [value for value in row if value is not None]
    return float(np.mean(finite)) if len(finite) == len(row) else None


def _split(setting: Setting, seed: int) -> SplitFacts | None:
    if setting.metric.name == "mse":
        return None
    return SplitFacts(seed=seed, counts=(1100, 100, 423), sha256=f"golden-{seed}")


def _curve(
    rng: np.random.Generator, setting: Setting, iterations: int, level: float
) -> tuple[CurvePoint, ...]:
    start = 3.5 if setting.metric.name == "mse" else 0.2
    points = np.linspace(0, iterations, 7)[1:] if iterations else np.empty(0)
    values = [
        level + (start - level) * float(np.exp(-4 * at / iterations)) * rng.uniform(0.8, 1.2)
        for at in points
    ]
    return tuple(
        CurvePoint(
            iteration=round(float(at)),
            train_loss=round(value, 6),
            train_metric=round(value, 6),
            validation_metric=round(value, 6),
        )
        for at, value in zip(points, values, strict=True)
    )


def _provenance(seed: int, attempt: int) -> Provenance:
    return Provenance(
        started=f"2026-01-{1 + seed:02d}T00:0{attempt}:00Z",
        finished=f"2026-01-{1 + seed:02d}T01:0{attempt}:00Z",
        command="synthetic",
        git_commit="0" * 40,
        git_dirty=False,
        versions={"python": "3.11", "torch": "golden"},
        device="golden device",
        host="golden",
        threads=1,
        weights_sha256=None,
    )


def _examples(setting: Setting) -> tuple[Example, ...]:
    if setting.metric.name != "mse":
        return ()
    fit = Example(
        x=(-5.0, 0.0, 5.0),
        truth=(1.0, 0.0, -1.0),
        support_x=(1.0,),
        support_y=(0.5,),
        by_step={"0": (0.0, 0.0, 0.0), "1": (0.5, 0.0, -0.5), "10": (0.9, 0.0, -0.9)},
    )
    return (fit,)


if __name__ == "__main__":
    write_golden()
