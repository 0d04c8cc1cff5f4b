"""What stands of a plan, and what the rest will take, by the committed registry."""

from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from suite.launch.estimate import Speeds
from suite.launch.planned import held_to
from suite.launch.plans import Job, plan
from suite.launch.wanted import wanted
from suite.machine import environment
from suite.registry import Registry, run_key
from suite.report.cells import collect

CPU, H200 = "cpu: AMD EPYC", "NVIDIA H200"


@pytest.fixture(scope="module")
def records():
    return Registry(Path(__file__).parents[2] / "results").load()


def job(name: str, *seeds: int, short: bool = False) -> Job:
    setting, _, method = name.partition("/")
    return Job(setting=setting, method=method, seeds=seeds or (0,), iterations=None, short=short)


def held(jobs, records, *, cheapest=False, fingerprints=None):
    return held_to(
        jobs,
        records,
        device=torch.device("cpu"),
        fingerprints=fingerprints or {},
        cheapest=cheapest,
    )


def test_what_the_report_takes_for_the_papers_runs_stands(records):
    looked_at = 0
    for cell in collect(records).cells:
        if cell.category in ("paper", "none") and not cell.changes:
            planned = wanted(job(f"{cell.setting.id}/{cell.method}"))
            if cell.protocol in planned.protocols and cell.schedule == planned.schedule:
                looked_at += 1
                for record in cell.records:
                    assert cell.protocol not in planned.lacks([record])
    assert looked_at > 20


def test_another_length_option_or_copy_of_the_data_does_not_stand(records):
    planned = wanted(job("point-navigation/maml"))
    of_seed = [
        record
        for record in records
        if (record.setting, record.method, record.seed) == ("point-navigation", "maml", 0)
    ]
    (record,) = (each for each in of_seed if not planned.lacks([each]))
    assert planned.lacks([record], record.data.fingerprint) == ()
    assert planned.lacks([record], "another") == planned.protocols
    for other in (
        replace(record, status="failed"),
        replace(record, options={"order": "first"}),
        replace(record, config=replace(record.config, inner_lr=0.5)),
        replace(record, schedule=replace(record.schedule, version=99)),
        replace(record, protocol=replace(record.protocol, version=99)),
    ):
        assert planned.lacks([other]) == planned.protocols


def test_what_stands_by_its_fields_is_what_a_run_finds_by_its_key(records):
    """A sweep knows no seed's data, so that it compares fields where a run looks up a key."""
    found = []
    for record in records:
        planned = wanted(job(f"{record.setting}/{record.method}"))
        if record.status == "completed" and record.protocol in planned.protocols:
            same = {"config": planned.config, "schedule": planned.schedule}
            key = run_key(replace(record, **same, options=dict(planned.options)))
            found.append(record.protocol not in planned.lacks([record]))
            assert found[-1] == (key == record.key)
    assert {True, False} == set(found)


def test_a_training_on_a_gpu_that_was_scored_on_a_cpu_tells_nothing_of_cpus(records):
    maml = job("omniglot-5way-1shot/maml")
    assert Speeds(records, CPU).seconds(maml, ()) > 3_600
    assert 60 < Speeds(records, H200).seconds(maml, ()) < 600
    assert Speeds(records, "NVIDIA T4").seconds(maml, ()) is None
    # Another CPU is better than nothing.
    assert Speeds(records, "cpu: a new one").seconds(maml, ()) > 3_600


def test_a_training_that_several_share_counts_once(records):
    speeds = Speeds(records, CPU)
    tuning = job("miniimagenet-5way-1shot/fine-tuning")
    trained = wanted(tuning).trainings((0,))
    assert trained == wanted(job("miniimagenet-5way-5shot/nearest-neighbour")).trainings((0,))
    assert trained != wanted(job("miniimagenet-5way-1shot/maml")).trainings((0,))
    assert 0 < speeds.seconds(tuning, trained) < speeds.seconds(tuning, ())
    jobs = [tuning, job("miniimagenet-5way-5shot/nearest-neighbour")]
    found = list(held(jobs, records).seconds.values())
    assert found[1] == speeds.seconds(jobs[1], trained)


def test_the_seconds_are_the_iterations_over_the_median_speed(records):
    one = [
        record
        for record in records
        if (record.setting, record.method, record.seed) == ("point-navigation", "maml", 1)
        and not wanted(job("point-navigation/maml")).lacks([record])
    ][:1]
    timing = one[0].timing
    expected = 100 / timing.iterations_per_second + timing.evaluate_seconds
    speeds = Speeds(one, one[0].provenance.device)
    navigation = job("point-navigation/maml", 0, 1)
    assert speeds.seconds(navigation, ()) == pytest.approx(2 * expected)
    assert speeds.seconds(job("point-navigation/fomaml"), ()) is None
    faster = replace(
        one[0],
        timing=replace(timing, iterations_per_second=3 * timing.iterations_per_second),
        provenance=replace(one[0].provenance, weights_sha256="another"),
    )
    middle = (1 + 1 / 3) / 2 * 100 / timing.iterations_per_second + timing.evaluate_seconds
    speeds = Speeds([*one, faster], one[0].provenance.device)
    assert speeds.seconds(job("point-navigation/maml"), ()) == pytest.approx(middle)


def test_a_plan_is_what_lacks_with_seeds_that_pay_together_in_order(records, monkeypatch):
    monkeypatch.setattr(environment, "device_name", lambda _: CPU)
    jobs = plan(["sinusoid/maml", "omniglot-5way-1shot/maml"], seeds=(0, 1, 99, 100))
    planned = held(jobs, records)
    assert {(each.setting, each.seeds) for each in planned.standing} >= {
        ("sinusoid", (0,)),
        ("sinusoid", (1,)),
    }
    assert [(each.setting, each.seeds) for each in planned.left][-3:] == [
        ("sinusoid", (99, 100)),
        ("omniglot-5way-1shot", (99,)),
        ("omniglot-5way-1shot", (100,)),
    ]
    assert planned.unknown == 0
    assert planned.known_seconds == pytest.approx(sum(planned.seconds.values()))


def test_the_cheapest_come_first_and_the_unknown_last(records, monkeypatch):
    monkeypatch.setattr(environment, "device_name", lambda _: CPU)
    names = ("glyphs-5way-1shot/siamese-nets", "ant-direction/maml", "point-navigation/maml")
    planned = held([job(name, 99) for name in names], records, cheapest=True)
    assert [each.setting for each in planned.left] == [
        *("point-navigation", "ant-direction", "glyphs-5way-1shot"),
    ]
    assert list(planned.seconds.values())[-1] is None
    assert planned.unknown == 1
