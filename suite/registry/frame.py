"""The registry as a pandas frame, for analyses of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from suite.registry.schema import Record
from suite.registry.store import DEFAULT_ROOT, Registry

if TYPE_CHECKING:
    import pandas as pd


def _row(record: Record) -> dict[str, object]:
    row: dict[str, object] = {
        "key": record.key,
        "attempt": record.attempt,
        "status": record.status,
        "setting": record.setting,
        "method": record.method,
        "seed": record.seed,
        "protocol": record.protocol.name,
        "schedule": record.schedule.name,
        "iterations": record.schedule.iterations,
    }
    for name, metric in record.metrics.items():
        row |= {
            "metric": name,
            "mean": metric.mean,
            "median": metric.median,
            "ci95_tasks": metric.ci95_tasks,
            "diverged": metric.diverged,
            "by_step": metric.by_step,
        }
    for part in ("config", "timing", "provenance"):
        values = msgspec.to_builtins(getattr(record, part))
        row |= {f"{part}.{name}": value for name, value in values.items()}
    return row


def frame(root: Path | str = DEFAULT_ROOT, *, lenient: bool = False) -> "pd.DataFrame":
    """All records below `root`, one row each; accuracies are fractions, times are seconds.

    With `lenient`, bad records are named in the log and left out.
    """
    # Not above: every run imports this package, and pandas takes half a second.
    import pandas as pd

    records = Registry(root, lenient=lenient).records()
    return pd.DataFrame([_row(record) for record in records])
