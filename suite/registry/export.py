"""The registry in other people's formats: one table, or curves for TensorBoard."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from suite.errors import UsageError
from suite.escape import cell, utf8
from suite.files import atomic_path
from suite.registry.frame import frame
from suite.registry.key import training_key
from suite.registry.schema import Record

_EXTRA = "python -m pip install -e '.[export]'"


def write_frame(results: Path | str, target: Path | str, *, lenient: bool = False) -> None:
    """Write `suite.registry.frame` of the registry as .csv or .parquet, by the file's ending.

    `by_step` becomes a column a step, `provenance.versions` one a package; other lists are JSON. A
    `UsageError` for another ending, or where pyarrow is missing.
    """
    target = Path(target)
    if target.suffix not in (".csv", ".parquet"):
        raise UsageError(f"{target} ends neither in .csv nor in .parquet")
    table = _flat(frame(results, lenient=lenient))
    with atomic_path(target) as path:
        if target.suffix == ".csv":
            table.map(_cell).rename(columns=cell).to_csv(path, index=False)
            return
        try:
            table.to_parquet(path, engine="pyarrow", index=False)
        except ImportError as error:
            raise UsageError(f"parquet needs pyarrow; install it: {_EXTRA}") from error


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in table.to_dict("records"):
        flat: dict[str, object] = {}
        for name, value in row.items():
            if name == "by_step" and isinstance(value, list | tuple):
                flat |= {f"by_step.{step}": mean for step, mean in enumerate(value)}
            elif isinstance(value, dict):
                flat |= {f"{name}.{part}": each for part, each in value.items()}
            else:
                flat[str(name)] = json.dumps(value) if isinstance(value, list | tuple) else value
        rows.append(flat)
    return pd.DataFrame(rows)


def _cell(value: object) -> object:
    return cell(value) if isinstance(value, str) else value


def write_curves(records: Iterable[Record], target: Path | str) -> None:
    """Write each training's learning curve below `target` as a run for TensorBoard.

    Records of one training under several protocols share it. A `UsageError` where the folder holds
    something, or tensorboard is missing.
    """
    target = Path(target)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not an empty folder; name another")
    if utf8(str(target)) != str(target):
        raise UsageError(f"TensorBoard takes no path that is not UTF-8: {utf8(str(target))}")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(f"curves need tensorboard; install it: {_EXTRA}") from error
    trainings = {(training_key(record), record.attempt): record for record in records}
    for (key, attempt), record in trainings.items():
        name = f"seed-{record.seed}-{key}" + (f"-attempt{attempt}" if attempt else "")
        with SummaryWriter(str(target / record.setting / record.method / name)) as writer:
            for point in record.curve:
                for name in ("train_loss", "train_metric", "validation_metric"):
                    value = getattr(point, name)
                    if value is not None:
                        writer.add_scalar(name, value, point.iteration)
