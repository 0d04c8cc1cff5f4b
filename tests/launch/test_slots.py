"""How many jobs run at once, on which threads and GPUs."""

import pytest

from suite.launch.plans import plan
from suite.launch.slots import leaves_room, slots
from suite.machine import environment
from suite.machine.gpu import Use


@pytest.fixture
def machine(monkeypatch):
    def has(cores, gpus):
        monkeypatch.setattr(environment, "cores", lambda: cores)
        monkeypatch.setattr(environment, "gpus", lambda: gpus)

    return has


@pytest.mark.parametrize(
    ("cores", "jobs", "asked", "threads"),
    [
        (16, 200, None, [1] * 16),
        (16, 3, None, [6, 5, 5]),
        (16, 200, 4, [4] * 4),
        (2, 1, None, [2]),
        (2, 200, 3, [1] * 3),
        (2, 0, None, [2]),
    ],
)
def test_cores_are_divided_among_the_workers(machine, cores, jobs, asked, threads):
    machine(cores, 0)
    found = slots(plan(["omniglot"])[:jobs], asked)
    assert [slot.threads for slot in found] == threads
    assert {(slot.gpu, slot.if_room) for slot in found} == {(None, False)}


def test_a_worker_on_each_gpu_and_more_where_there_is_room(machine):
    machine(16, 2)
    jobs = plan(["omniglot"])
    found = slots(jobs, None)
    assert [slot.gpu for slot in found if not slot.if_room] == [0, 1]
    assert [slot.gpu for slot in found if slot.if_room] == [0, 1] * 3
    assert {slot.threads for slot in found} == {None}
    asked = slots(jobs, 3)
    assert [(slot.gpu, slot.if_room) for slot in asked] == [(0, False), (1, False), (0, False)]


def test_policies_have_two_cores_each_beside_a_gpu(machine):
    machine(16, 1)
    policies, images = plan(["rl"]), plan(["omniglot"])
    found = slots(policies, None)
    assert [(slot.threads, slot.gpu) for slot in found] == [(2, 0)] * 8
    mixed = slots([*policies, *images], None)
    for_policies = [slot for slot in mixed if slot.fits(policies[0])]
    assert len(for_policies) == 7
    assert not any(slot.fits(images[0]) for slot in for_policies)
    assert sum(slot.fits(images[0]) and not slot.if_room for slot in mixed) == 1


@pytest.mark.parametrize(
    ("busy", "memory", "workers", "room"),
    [
        (0.4, 0.1, 1, True),
        (0.5, 0.1, 1, False),
        (0.4, 0.5, 1, False),
        (0.6, 0.2, 2, True),
        (0.65, 0.2, 2, False),
        (0.0, 0.0, 0, True),
    ],
)
def test_another_joins_where_the_measured_use_leaves_room(busy, memory, workers, room):
    assert leaves_room([Use(busy, memory)] * 60, workers) == room


def test_nobody_joins_before_the_use_is_known():
    assert not leaves_room([Use(0.1, 0.1)] * 5, 1)
    # Once it was full, it was full.
    assert not leaves_room([*[Use(0.1, 0.1)] * 59, Use(0.1, 0.6)], 1)
