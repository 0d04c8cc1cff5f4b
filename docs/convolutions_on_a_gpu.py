"""Ways to convolve by task on a GPU: milliseconds of a meta-gradient in a CUDA graph.

python docs/convolutions_on_a_gpu.py

`grouped` and `products` are those of `suite.models.convolution`. The others have not been measured:
they were written for what a profile of the first two shows (docs/gpu.md). What turns out faster
belongs there.
"""

import functools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional as F

import suite.models.conv as conv
from suite import environment
from suite.benchmark.speed import ours
from suite.inner.graph import Replayed
from suite.models import convolution
from suite.settings import SETTINGS

CASES = (
    ("omniglot-5way-1shot", "second", 1),
    ("omniglot-5way-1shot", "second", 5),
    ("omniglot-5way-1shot", "first", 5),
    ("omniglot-20way-1shot", "second", 1),
    ("omniglot-20way-1shot", "first", 1),
    ("omniglot-5way-5shot", "second", 1),
    ("miniimagenet-5way-1shot", "second", 1),
    ("miniimagenet-5way-1shot", "first", 1),
    ("miniimagenet-5way-5shot", "second", 1),
)
REPEATS = 10


def of_input_interleaved(
    grad_y: Tensor, weight: Tensor, shape: torch.Size, stride: int, groups: int
) -> Tensor:
    """`_of_input` for stride 2 without `fold`: even places have one tap, odd ones have two."""
    if stride != 2:
        return OF_INPUT(grad_y, weight, shape, stride, groups)
    by_task = weight.reshape(groups, -1, weight[0].numel())
    columns = by_task.mT @ convolution._rows(grad_y, groups)
    taps = columns.view(-1, 3, 3, shape[0], *grad_y.shape[-2:])  # (t*c, 3, 3, batch, h', w')
    rows = _interleaved(*taps.unbind(2), dim=-1)
    summed = _interleaved(*rows.unbind(1), dim=-2)
    height, width = shape[-2:]
    return summed[..., :height, :width].transpose(0, 1)


def _interleaved(first: Tensor, middle: Tensor, last: Tensor, dim: int) -> Tensor:
    """The taps of a kernel of 3 with stride 2 and padding 1, added up along `dim`."""
    size = first.shape[dim]
    later = first.narrow(dim, 1, size - 1)
    ahead = F.pad(later, (0, 1) if dim == -1 else (0, 0, 0, 1))
    return torch.stack((middle, last + ahead), dim=dim).flatten(dim - 1, dim)


def of_weight_by_image(grad_y: Tensor, x: Tensor, stride: int, groups: int) -> Tensor:
    """`_of_weight` as a sum over images: no product reduces over more than one image's places."""
    batch, places = len(x), math.prod(grad_y.shape[-2:])
    rows = convolution._rows(grad_y, groups).unflatten(2, (batch, places)).transpose(1, 2)
    columns = convolution._columns(x, stride, groups).unflatten(2, (batch, places))
    gradient = (rows @ columns.permute(0, 2, 3, 1)).sum(1)
    return gradient.reshape(grad_y.shape[1], -1, 3, 3)


OF_INPUT, OF_WEIGHT = convolution._of_input, convolution._of_weight


@contextmanager
def way(name: str) -> Iterator[None]:
    """Within, convolutions are done so."""
    products = not name.startswith("grouped")
    of_input = of_input_interleaved if name == "interleaved" else OF_INPUT
    of_weight = of_weight_by_image if name == "by image" else OF_WEIGHT
    with (
        mock.patch.object(conv, "conv2d", functools.partial(convolution.conv2d, products=products)),
        mock.patch.object(convolution, "_of_input", of_input),
        mock.patch.object(convolution, "_of_weight", of_weight),
    ):
        torch.backends.cudnn.benchmark = name == "grouped, chosen by timing"
        yield


WAYS = ("grouped", "grouped, chosen by timing", "products", "interleaved", "by image")


def milliseconds(step: Callable[[], object]) -> float:
    """The mean of some replays."""
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(REPEATS):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / REPEATS * 1e3


def check() -> None:
    """All ways give the same gradients, in float64."""
    for stride in (1, 2):
        found = []
        for name in WAYS:
            random = torch.Generator().manual_seed(0)
            x = torch.randn((3, 8, 7, 8), generator=random, dtype=torch.float64)
            weight = torch.randn((2, 5, 4, 3, 3), generator=random, dtype=torch.float64)
            with way(name):
                leaves = [each.requires_grad_() for each in (x, weight)]
                y = conv.conv2d(*leaves, stride=stride)
                first = torch.autograd.grad(y.sin().sum(), leaves, create_graph=True)
                second = torch.autograd.grad(sum((g**2).sum() for g in first), leaves)
            found.append(torch.cat([each.flatten() for each in (y, *first, *second)]))
        for each in found[1:]:
            torch.testing.assert_close(each, found[0], rtol=1e-10, atol=1e-10)


if __name__ == "__main__":
    check()
    environment.prepare(None)
    for setting, order, seeds in CASES:
        told = []
        for name in WAYS:
            with way(name):
                work = ours(SETTINGS[setting].config, torch.device("cuda"), order, seeds)
                told.append(f"{name} {milliseconds(Replayed(work, torch.device('cuda'))):.1f}")
        print(f"{setting}, {order} order, {seeds} seeds: {'; '.join(told)}", flush=True)
