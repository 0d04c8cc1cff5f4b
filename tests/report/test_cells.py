"""What may be averaged, what a cell says, and what it cost."""

import math

import msgspec
import pytest
from msgspec.structs import replace

from suite.errors import RegistryError
from suite.registry import run_key
from suite.registry.key import canonical
from suite.report.cells import collect, kilowatt_hours, train_hours
from suite.report.numbers import best_trained, summary_of
from suite.report.origins import origins
from suite.report.tables.notes import method_label
from suite.report.tables.text import NOTHING
from suite.settings import get_setting
from suite.stats import ci95_seeds, ci95_tasks
from tests.report.make_golden import make_record


def test_mean_and_both_intervals_of_three_seeds() -> None:
    records = [make_record("sinusoid", "maml", seed, level=0.35) for seed in range(3)]
    (cell,) = collect(records).cells
    means = [record.metrics["mse"].by_step[5] for record in records]
    widths = sorted(ci95_tasks(record.per_task["mse"][5]) or 0.0 for record in records)
    summary = summary_of(cell, 5)
    assert summary is not None
    assert summary.mean == pytest.approx(sum(means) / 3)
    assert summary.ci95_seeds == pytest.approx(ci95_seeds(means))
    assert summary.ci95_tasks == pytest.approx(widths[1])
    assert (summary.diverged, summary.tasks) == (0, 1800)
    assert summary_of(cell, 11) is None


def test_one_diverged_task_leaves_no_mean_and_a_finite_median() -> None:
    records = [make_record("sinusoid", "maml", seed, level=0.4, diverged=seed) for seed in range(2)]
    (cell,) = collect(records).cells
    summary = summary_of(cell, 10)
    assert summary is not None
    assert summary.mean is None
    assert summary.ci95_seeds is None
    assert summary.median is not None
    assert math.isfinite(summary.median)
    assert summary.diverged == 1


def test_half_of_the_tasks_diverged_leaves_no_median() -> None:
    record = make_record("sinusoid", "maml", 0, level=0.4, diverged=450)
    (cell,) = collect([record]).cells
    summary = summary_of(cell, 10)
    assert summary is not None
    assert summary.median is None


def test_a_mean_that_a_few_tasks_carry_is_heavy_tailed() -> None:
    record = make_record("sinusoid", "maml", 0, level=0.4)
    rows = tuple((*row[:3], 1e4) for row in record.per_task["mse"])
    by_step = tuple(sum(row) / 4 for row in rows)
    metric = msgspec.structs.replace(record.metrics["mse"], mean=by_step[10], by_step=by_step)
    record = msgspec.structs.replace(record, per_task={"mse": rows}, metrics={"mse": metric})
    (cell,) = collect([record]).cells
    summary = summary_of(cell, 10)
    assert summary is not None
    assert summary.heavy_tailed


def test_a_completed_record_without_its_metric_is_refused() -> None:
    record = msgspec.structs.replace(make_record("sinusoid", "maml", 0, level=0.4), metrics={})
    (cell,) = collect([record]).cells
    with pytest.raises(RegistryError, match="has no mse"):
        summary_of(cell, 10)


def test_a_changed_protocol_is_a_variant() -> None:
    record = make_record("omniglot-5way-1shot", "maml", 0, level=0.9)
    protocol = msgspec.structs.replace(record.protocol, tasks=10)
    (cell,) = collect([msgspec.structs.replace(record, protocol=protocol)]).cells
    assert cell.category == "variant"
    assert cell.changes == ("protocol.tasks=10",)


def test_a_schedule_named_after_the_paper_must_have_its_length_too() -> None:
    record = make_record("omniglot-5way-1shot", "maml", 0, level=0.9)
    short = msgspec.structs.replace(record.schedule, iterations=10)
    (cell,) = collect([msgspec.structs.replace(record, schedule=short)]).cells
    assert cell.category == "shortened"


def test_a_run_of_older_training_code_stands_apart_under_its_own_key() -> None:
    today = make_record("point-navigation", "oracle", 0, level=-10.0)
    older = replace(today, schedule=replace(today.schedule, version=1))
    assert run_key(older) != run_key(today)
    assert b"version" not in canonical(older.schedule)
    first, second = sorted(collect([today, older]).cells, key=lambda cell: cell.outdated)
    assert (first.category, first.changes) == ("paper", ())
    assert (second.category, second.changes) == ("variant", ("training.version=1",))


def test_a_changed_option_is_a_variant_and_shown_as_a_changed_field_is() -> None:
    plain = make_record("omniglot-5way-1shot", "fine-tuning", 0, level=0.9, options={"updates": 15})
    other = replace(plain, options={"updates": 5})
    provenance = replace(plain.provenance, changed_options=("updates",))
    first, second = sorted(
        collect([plain, replace(other, provenance=provenance)]).cells,
        key=lambda cell: -cell.options["updates"],
    )
    assert (first.category, first.changes) == ("paper", ())
    assert (second.category, second.changes) == ("variant", ("updates=5",))
    assert method_label(second, [first, second]) == "fine-tuning"
    # Defaults that another schedule, or older code, gives a method are no changes.
    (third,) = collect([other]).cells
    assert (third.category, third.changes) == ("paper", ())
    assert method_label(third, [first, third]) == 'fine-tuning, options `{"updates": 5}`'


def test_a_trained_random_initialization_is_none() -> None:
    (cell,) = collect([make_record("sinusoid", "random-init", 0, level=3.0)]).cells
    assert cell.category == "lengthened"


def test_different_data_are_not_pooled() -> None:
    first = make_record("sinusoid", "maml", 0, level=0.4)
    second = make_record("sinusoid", "maml", 1, level=0.4)
    data = msgspec.structs.replace(second.data, fingerprint="other")
    second = msgspec.structs.replace(second, data=data)
    assert [len(cell.records) for cell in collect([first, second]).cells] == [1, 1]


def test_runs_of_an_unknown_setting_are_set_aside() -> None:
    record = make_record("sinusoid", "maml", 0, level=0.4)
    contents = collect([msgspec.structs.replace(record, setting="other")])
    assert contents.cells == ()
    assert len(contents.unknown) == 1


def test_a_model_scored_under_three_protocols_was_trained_once() -> None:
    count = len(get_setting("sinusoid").protocols)
    records = [make_record("sinusoid", "maml", 0, level=0.4, protocol=at) for at in range(count)]
    assert train_hours(records) == pytest.approx((1800 + count * 36) / 3600)


def test_energy_is_counted_as_hours_are_and_told_where_a_driver_tells_it() -> None:
    records = [make_record("sinusoid", "maml", 0, level=0.4, protocol=at) for at in range(3)]
    assert "kWh, of GPUs" not in origins(records)[1].headers
    told = [
        msgspec.structs.replace(
            record,
            timing=msgspec.structs.replace(
                record.timing, train_joules=3.6e6, evaluate_joules=0.36e6
            ),
            provenance=msgspec.structs.replace(record.provenance, device="cuda: a GPU"),
        )
        for record in records
    ]
    assert kilowatt_hours(told) == pytest.approx(1.3)
    silent = make_record("sinusoid", "maml", 1, level=0.4)
    of_devices = origins([*told, silent])[1]
    energy = of_devices.headers.index("kWh, of GPUs")
    assert {row[0]: row[energy] for row in of_devices.rows} == {
        "cuda: a GPU": "1.30",
        silent.provenance.device: NOTHING,
    }


def test_the_run_with_the_best_training_return_is_chosen() -> None:
    records = [make_record("point-navigation", "maml", seed, level=-10.0) for seed in range(3)]
    (first, *_), returns = records[0].curve, (-12.0, -8.0, None)
    trained = [
        replace(record, curve=(replace(first, train_metric=value),))
        for record, value in zip(records, returns, strict=True)
    ]
    (cell,) = collect(trained).cells
    assert best_trained(cell) is cell.records[1]
    (alone,) = collect(trained[:1]).cells
    assert best_trained(alone) is None
