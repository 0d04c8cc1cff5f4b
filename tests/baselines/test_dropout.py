"""Dropout by keys: the share, the scale, and what a mask depends on."""

import pytest
import torch

from baselines.dropout import dropout

KEYS = torch.arange(6) * 104_729 - 3


def mask(keys=KEYS, *, seeds=2, share=0.1, name="query", layer="conv0", images=40, side=9):
    """What dropout leaves of ones, `images` a task: (task, image, channel, height, width)."""
    tasks = len(keys) // seeds
    x = torch.ones(tasks * images, seeds * 3, side, side)
    y = dropout(share, keys, seeds=seeds, name=name)(layer, x)
    by_seed = y.unflatten(0, (tasks, images)).unflatten(2, (seeds, 3))
    return by_seed.movedim(3 - 1, 0).flatten(0, 1)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_is_dropped_and_the_rest_is_scaled(share):
    values = mask(share=share)
    kept = values[values != 0]
    assert float((values == 0).double().mean()) == pytest.approx(share, abs=0.01)
    assert float(values.double().mean()) == pytest.approx(1.0, abs=0.01)
    assert kept.unique().tolist() == [pytest.approx(1 / (1 - share), rel=1e-4)]


def test_nothing_is_dropped_without_a_share():
    x = torch.rand(4, 2)
    assert dropout(0.0, KEYS[:2], seeds=1, name="query")("layer0", x) is x


def test_a_task_has_its_mask_whatever_its_company():
    together = mask()
    assert together.shape == (6, 40, 3, 9, 9)
    for place in range(6):
        alone = mask(KEYS[place : place + 1], seeds=1)
        assert torch.equal(together[place], alone[0])
    assert len({tuple(each.flatten().tolist()) for each in together}) == 6


def test_masks_of_layers_and_names_are_independent():
    first = mask() == 0
    for other in (mask(layer="conv1") == 0, mask(name="support") == 0):
        both = float((first & other).double().mean())
        assert both == pytest.approx(0.01, abs=0.004)


def test_features_without_places_are_dropped_too():
    x = torch.ones(10, 2 * 500)
    y = dropout(0.25, KEYS[:2], seeds=2, name="query")("layer0", x)
    assert float((y == 0).double().mean()) == pytest.approx(0.25, abs=0.02)
    assert not torch.equal(y[:, :500], y[:, 500:])
