"""Shrinking, turning and shifting by one sampling."""

import math

import pytest
import torch
from torch.nn import functional as F

from baselines.distortion import shrunk


@pytest.fixture(scope="module")
def images():
    values = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return torch.where(values > 0.6, values, 0.0)


def moved(images, turn=0.0, across=0.0, down=0.0, side=20):
    count = len(images)
    shifts = torch.tensor([[across, down]]).expand(count, -1)
    return shrunk(images, side, torch.full((count,), turn), shifts)


def test_unmoved_it_is_a_bilinear_resize(images):
    resized = F.interpolate(images, (20, 20), mode="bilinear", align_corners=False)
    torch.testing.assert_close(moved(images), resized / resized.amax((1, 2, 3), keepdim=True))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_turn_turns(images, quarters):
    turned = moved(images, turn=quarters * math.pi / 2.0)
    straight = moved(images)
    assert any(
        torch.allclose(turned, torch.rot90(straight, sign * quarters, (2, 3)), atol=1e-4)
        for sign in (1, -1)
    )


def test_a_shift_moves_the_ink_by_a_share_of_the_image():
    dot = torch.zeros(1, 1, 28, 28)
    dot[..., 13:15, 13:15] = 1.0
    places = torch.arange(28.0)

    def middle(image):
        return [float((image[0, 0].sum(axis) * places).sum() / image.sum()) for axis in (0, 1)]

    still, shifted = moved(dot, side=28), moved(dot, across=0.25, down=-0.125, side=28)
    across, down = (after - b for after, b in zip(middle(shifted), middle(still), strict=True))
    assert (abs(across), abs(down)) == pytest.approx((7.0, 3.5), abs=1e-3)
    assert across * down < 0.0


def test_what_leaves_the_image_is_gone_and_nothing_is_divided_by_zero(images):
    assert not moved(images, across=2.0).any()
    assert moved(images).amax((1, 2, 3)).tolist() == pytest.approx([1.0] * 4)
