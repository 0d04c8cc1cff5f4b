"""What is said of one record, and of two."""

import pytest
from msgspec import structs

from suite.report.record import describe, difference, differing
from tests.report.make_golden import make_record

OMNIGLOT = "omniglot-5way-1shot"


def lines(record):
    return dict(describe(record))


def test_a_run_beside_the_paper():
    shown = lines(make_record("sinusoid", "maml", 0, level=0.4))
    assert shown["run"] == "sinusoid maml seed 0, attempt 0"
    assert shown["schedule"] == "paper: 70,000 iterations"
    assert shown["the paper's"] == "0.35 (paper, Table 2)"
    assert shown["mse"].endswith("over tasks")
    assert len(shown["after 0, 1, ... steps"].split()) == 11


def test_a_variant_and_what_it_selected():
    shown = lines(
        make_record(OMNIGLOT, "maml", 0, level=0.9, changes={"inner_lr": 0.1}, selected={"lr": 0.5})
    )
    assert shown["not the paper's"] == "inner_lr=0.1"
    assert shown["selected lr"] == "0.5"
    assert "%" not in shown["accuracy"]


@pytest.mark.parametrize(
    ("given", "caveat"),
    [
        ({}, ""),
        ({"changes": {"inner_lr": 0.02}}, "other values than the paper's"),
        ({"iterations": 100}, "trained for less"),
        ({"iterations": 100_000}, "trained for longer"),
    ],
)
def test_the_paper_s_number_says_what_it_cannot_be_compared_with(given, caveat):
    shown = lines(make_record("sinusoid", "maml", 0, level=0.4, **given))["the paper's"]
    assert shown.startswith("0.35 (paper, Table 2)")
    assert shown.endswith(caveat or "Table 2)")


def test_a_failed_run_tells_its_changes_too():
    record = make_record("sinusoid", "maml", 0, level=0.4, changes={"inner_lr": 0.02})
    shown = lines(structs.replace(record, status="failed", metrics={}, per_task={}))
    assert shown["not the paper's"] == "inner_lr=0.02"


def test_a_task_that_diverged():
    shown = lines(make_record("sinusoid", "maml", 0, level=0.4, diverged=1))
    assert shown["mse"] == "diverged"
    assert shown["diverged"].startswith("1 of ")


def test_equal_runs_differ_in_nothing():
    record = make_record(OMNIGLOT, "maml", 0, level=0.9)
    assert differing(record, record) == []
    assert difference(record, record) == "+0.0 ± 0.0, task by task"


def test_what_two_runs_differ_in():
    first = make_record(OMNIGLOT, "maml", 0, level=0.9)
    second = make_record(OMNIGLOT, "maml", 0, level=0.9, changes={"inner_lr": 0.1})
    origin = structs.replace(first.provenance, host="elsewhere")
    found = {
        (each.part, each.name): each
        for each in differing(first, structs.replace(second, provenance=origin))
    }
    assert found["setting", "config.inner_lr"].first == "0.4"
    assert found["setting", "config.inner_lr"].second == "0.1"
    assert found["environment", "host"].second == "elsewhere"
    assert all(part != "run" for part, _ in found)


def test_the_same_tasks_are_compared_one_by_one():
    first = make_record(OMNIGLOT, "maml", 0, level=0.9)
    rows = first.per_task["accuracy"]
    better = {"accuracy": tuple(tuple(value + 0.01 for value in row) for row in rows)}
    assert difference(first, structs.replace(first, per_task=better)) == "+1.0 ± 0.0, task by task"


def test_tasks_of_other_supports_are_not_the_same():
    first = make_record(OMNIGLOT, "maml", 0, level=0.9)
    protocol = structs.replace(first.protocol, k_shot=2)
    assert difference(first, structs.replace(first, protocol=protocol)).endswith("other tasks")
    protocol = structs.replace(first.protocol, n_query=15)
    assert difference(first, structs.replace(first, protocol=protocol)).endswith("task by task")


def test_other_tasks_have_a_wider_interval():
    first, second = (make_record(OMNIGLOT, "maml", seed, level=0.9) for seed in (0, 1))
    assert difference(first, second).endswith("over other tasks")
    assert difference(first, make_record("sinusoid", "maml", 0, level=0.4)) is None
    diverged = make_record("sinusoid", "maml", 1, level=0.4, diverged=1)
    assert difference(make_record("sinusoid", "maml", 0, level=0.4), diverged) == "diverged"


@pytest.mark.parametrize("status", ["failed", "completed"])
def test_why_it_failed(status):
    record = make_record(OMNIGLOT, "maml", 0, level=0.9)
    if status == "failed":
        from suite.registry.schema import Failure

        failure = Failure(exception="Diverged", message="not finite", last_lines=("a", "b"))
        record = structs.replace(record, status="failed", failure=failure, metrics={}, per_task={})
    shown = lines(record)
    assert shown["status"] == status
    assert shown.get("Diverged") == ("not finite" if status == "failed" else None)
