"""Images made smaller, turned a little and shifted, by one sampling of each."""

import torch
from torch import Tensor
from torch.nn import functional as F


def shrunk(images: Tensor, side: int, turns: Tensor, shifts: Tensor) -> Tensor:
    """`images` (example, 1, height, width) as (example, 1, side, side), the greatest pixel 1.

    `turns`, (example,), are radians; `shifts`, (example, 2), are shares of the width and of the
    height. Bilinear; what comes from outside is 0, and so stays an image without ink.
    """
    turns, shifts = turns.to(images)[:, None], shifts.to(images)
    # The middles of pixels where an image reaches from -1 to 1. For many small images torch's
    # affine_grid takes longer than the sampling.
    middles = ((2.0 * torch.arange(side, device=images.device) + 1.0) / side - 1.0).to(images)
    x, y = middles.repeat(side), middles.repeat_interleave(side)
    cosine, sine = turns.cos(), turns.sin()
    across, down = (2.0 * shifts).split(1, dim=1)
    places = (cosine * x - sine * y + across, sine * x + cosine * y + down)
    grid = torch.stack(places, dim=-1).unflatten(1, (side, side))
    sampled = F.grid_sample(images, grid, align_corners=False)
    greatest = sampled.amax(dim=(1, 2, 3), keepdim=True)
    return sampled / torch.where(greatest > 0.0, greatest, 1.0)
