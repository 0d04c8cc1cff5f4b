"""`suite show`, `diff`, `list --missing` and `export`."""

import json
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest

from suite.registry import Registry, training_key
from suite.settings import SETTINGS

RESULTS = Path(__file__).parents[2] / "results"
ONE = "sinusoid/maml/seed-0-6b66530e2f23.json"
KEYS = "6b66530e2f23", "437b92194109"


def test_show(suite):
    code, printed, _ = suite(f"show {KEYS[0]} --results {RESULTS}")
    assert code == 0
    assert "70,000 iterations" in printed
    assert "0.35 (paper, Table 2)" in printed
    code, printed, _ = suite(f"show {RESULTS / ONE} --json")
    assert (code, printed) == (0, (RESULTS / ONE).read_text())


def test_show_a_file_by_its_bare_name(suite, monkeypatch):
    monkeypatch.chdir((RESULTS / ONE).parent)
    code, printed, _ = suite(f"show {Path(ONE).name}")
    assert (code, "sinusoid maml seed 0" in printed) == (0, True)


def test_show_nothing(suite):
    code, printed, told = suite(f"show ffffffffffffff --results {RESULTS}")
    assert (code, printed) == (2, "")
    assert "see: suite list" in told


def test_diff(suite):
    code, printed, _ = suite(f"diff {KEYS[0]} {KEYS[1]} --results {RESULTS}")
    assert code == 0
    assert "second minus first: +0.150" in printed
    code, printed, _ = suite(f"diff {KEYS[0]} {KEYS[1]} --results {RESULTS} --json")
    content = json.loads(printed)
    assert {"part": "run", "name": "seed", "first": "0", "second": "1"} in content["differing"]
    code, printed, _ = suite(f"diff {KEYS[0]} {KEYS[0]} --results {RESULTS}")
    assert f"the same run, key {KEYS[0]}" in printed


def test_every_missing_command_can_be_given(suite, tmp_path, monkeypatch):
    """The registry is empty: all published numbers are missing."""
    code, printed, told = suite("list --missing")
    assert code == 0
    published = sum(len(setting.paper) for setting in SETTINGS.values())
    assert f"{published} of {published} published numbers" in told
    given = []
    monkeypatch.setattr("suite.cli.run.run_command", lambda options: given.append(options) or 0)
    for line in printed.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "suite"
        assert suite(" ".join(arguments))[0] == 0
    wanted = {(key, each.method) for key, setting in SETTINGS.items() for each in setting.paper}
    assert {(each.setting, each.method) for each in given} == wanted
    assert all(each.seeds == ((0, 1, 2, 3, 4),) for each in given)


def test_missing_seeds_only(suite):
    printed = suite(f"list --missing --results {RESULTS}")[1]
    assert f"suite run omniglot-5way-1shot maml --seeds 3 4 --results {RESULTS}\n" in printed
    assert "sinusoid maml" not in printed
    of_one = suite(f"list sinusoid --missing --results {RESULTS}")[1].splitlines()
    assert {"maml", "pretraining"}.isdisjoint(line.split()[3] for line in of_one)
    assert suite(f"list glyphs-5way-1shot --missing --results {RESULTS}")[1] == ""


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_export(suite, tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"runs.{ending}"
    code, *_ = suite(f"export {path} --results {RESULTS}")
    assert code == 0
    read = pd.read_csv if ending == "csv" else pd.read_parquet
    table = read(path).set_index("key")
    assert len(table) == len(Registry(RESULTS).paths())
    record = Registry(RESULTS).read(RESULTS / ONE)
    row = table.loc[record.key]
    assert row["mean"] == pytest.approx(record.metrics["mse"].mean)
    assert row["by_step.3"] == pytest.approx(record.metrics["mse"].by_step[3])
    assert json.loads(row["config.hidden"]) == [40, 40]
    assert row["provenance.versions.higher"] == "0.2.1"


def test_export_nowhere(suite, tmp_path, monkeypatch):
    code, _, told = suite(f"export {tmp_path / 'runs.xlsx'} --results {RESULTS}")
    assert (code, "ends neither in .csv nor in .parquet" in told) == (2, True)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, told = suite(f"export {tmp_path / 'runs.parquet'} --results {RESULTS}")
    assert (code, "-e '.[export]'" in told) == (2, True)
    assert not list(tmp_path.glob("*.parquet"))


def test_export_of_nothing_or_where_nobody_may_write(suite, tmp_path):
    code, _, told = suite(f"export {tmp_path / 'runs.csv'} --results {tmp_path}")
    assert (code, "holds no records" in told) == (2, True)
    (tmp_path / "file").touch()
    code, _, told = suite(f"export {tmp_path / 'file' / 'runs.csv'} --results {RESULTS}")
    assert (code, "cannot be written" in told) == (2, True)


def test_curves_for_tensorboard(suite, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "curves"
    command = f"export {folder} --tensorboard --results {RESULTS}"
    code, printed, _ = suite(command)
    assert (code, f"tensorboard --logdir {folder}" in printed) == (0, True)
    record = Registry(RESULTS).read(RESULTS / ONE)
    (run,) = (folder / "sinusoid" / "maml").glob(f"seed-0-{training_key(record)}")
    events = EventAccumulator(str(run))
    events.Reload()
    found = events.Scalars("validation_metric")
    assert [each.step for each in found] == [point.iteration for point in record.curve]
    assert found[-1].value == pytest.approx(record.curve[-1].validation_metric, rel=1e-6)
    code, _, told = suite(command)
    assert (code, "not an empty folder" in told) == (2, True)


@pytest.mark.parametrize("arguments", ["sinusoid tasks.png", "glyphs-5way-1shot tasks.svg"])
def test_what_has_no_picture_of_tasks_is_told(suite, arguments):
    code, _, err = suite(f"picture {arguments}")
    assert (code, "Traceback" in err, err.count("\n")) == (2, False, 1)
