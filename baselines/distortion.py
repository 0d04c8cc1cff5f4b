"""Images made smaller, turned a little and shifted, by one sampling of each."""

import torch
from torch import Tensor
from torch.nn import functional as F


def shrunk(images: Tensor, side: int, turns: Tensor, shifts: Tensor) -> Tensor:
    """`images` (example, 1, height, width) as (example, 1, side, side), the greatest pixel 1.

    `turns`, (example,), are radians; `shifts`, (example, 2), are shares of the width and of the
    height. Bilinear; what comes from outside is 0, and so stays an image without ink.
    """
    cosine, sine = turns.cos(), turns.sin()
    across, down = (2.0 * shifts).unbind(1)  # an image reaches from -1 to 1
    rows = (cosine, -sine, across, sine, cosine, down)
    maps = torch.stack(rows, dim=1).unflatten(1, (2, 3)).to(images)
    grid = F.affine_grid(maps, [len(images), 1, side, side], align_corners=False)
    sampled = F.grid_sample(images, grid, align_corners=False)
    greatest = sampled.amax(dim=(1, 2, 3), keepdim=True)
    return sampled / torch.where(greatest > 0.0, greatest, 1.0)
