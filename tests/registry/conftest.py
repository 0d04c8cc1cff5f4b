"""A record to store and to spoil; nothing in it was measured."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from suite.registry import Record, run_key
from suite.registry.schema import (
    SCHEMA_VERSION,
    CurvePoint,
    DataFacts,
    MetricResult,
    Provenance,
    SplitFacts,
    Timing,
)
from suite.settings import get_setting


def _record(**changes: Any) -> Record:
    setting = get_setting("glyphs-5way-1shot")
    record = Record(
        setting=setting.id,
        method="maml",
        options={"sizes": [0.1, 1e-3], "flag": True},
        seed=3,
        config=setting.config,
        schedule=setting.schedule(100),
        protocol=msgspec.structs.replace(setting.protocols[0], tasks=2, steps=2, report_step=2),
        data=DataFacts(
            name="glyphs",
            fingerprint="ab" * 32,
            split=SplitFacts(seed=3, counts=(1100, 100, 423), sha256="cd" * 32),
            warnings=("a drawing is empty",),
        ),
        schema=SCHEMA_VERSION,
        key="",
        attempt=0,
        status="completed",
        failure=None,
        selected={"step_size": 0.02},
        metrics={
            "accuracy": MetricResult(
                mean=0.7,
                ci95_tasks=1.96 * 0.1 / 2**0.5,
                by_step=(0.2, None, 0.7),
                median=0.7,
                diverged=0,
            )
        },
        per_task={"accuracy": ((0.2, 0.2), (None, 0.4), (0.6, 0.8))},
        examples=(),
        curve=(
            CurvePoint(iteration=50, train_loss=1 / 3, train_metric=0.5, validation_metric=None),
        ),
        timing=Timing(
            train_seconds=1.5,
            evaluate_seconds=0.5,
            iterations_per_second=66.7,
            peak_memory_bytes=10**9,
            resumes=0,
        ),
        provenance=Provenance(
            started="2026-01-01T00:00:00+00:00",
            finished="2026-01-01T00:00:02+00:00",
            command="suite run glyphs-5way-1shot maml",
            git_commit=None,
            git_dirty=None,
            versions={"python": "3.11"},
            device="cpu: «test»",
            host="nowhere",
            threads=1,
            weights_sha256="ef" * 32,
        ),
    )
    record = msgspec.structs.replace(record, **changes)
    return msgspec.structs.replace(record, key=run_key(record))


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Fields to a record whose key is right."""
    return _record
