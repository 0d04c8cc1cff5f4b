"""The benchmark times what it says it times."""

import msgspec
import pytest
import torch

from suite import benchmark
from suite.settings import SETTINGS


@pytest.mark.parametrize("setting", benchmark.TIMED)
def test_random_batches_have_the_shapes_of_the_setting(setting):
    config = SETTINGS[setting].config
    batch = benchmark.random_batch(config, torch.device("cpu"))
    tasks, each = config.tasks_per_batch, config.n_way
    assert batch.support_x.shape[:2] == (tasks, each * config.k_shot)
    assert batch.query_x.shape[:2] == (tasks, each * config.n_query)
    assert batch.support_y.shape[:2] == batch.support_x.shape[:2]


def test_a_measurement_is_of_both_orders_and_its_ratio_lies_between_its_extremes(monkeypatch):
    small = SETTINGS["sinusoid"]
    small = msgspec.structs.replace(
        small, config=msgspec.structs.replace(small.config, tasks_per_batch=2)
    )
    monkeypatch.setattr(benchmark, "SETTINGS", {"sinusoid": small})
    monkeypatch.setattr(benchmark, "TIMED", ("sinusoid",))
    found = list(benchmark.measure(torch.device("cpu"), rounds=2))
    assert [each.order for each in found] == ["second", "first"]
    for each in found:
        least, greatest = each.ratios
        assert 0 < least <= each.ratio <= greatest
        assert each.batched > 0
        assert each.reference > 0
