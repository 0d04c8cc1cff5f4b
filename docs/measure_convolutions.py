"""Milliseconds of a meta-gradient in a CUDA graph: products against grouped convolutions.

python docs/measure_convolutions.py
"""

import functools
import time

import torch

import suite.models.conv as conv
from suite import environment
from suite.benchmark.speed import ours
from suite.inner.graph import Replayed
from suite.models.convolution import conv2d
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


def milliseconds(name: str, order: str, seeds: int, products: bool) -> float:
    """The mean of some replays."""
    conv.conv2d = functools.partial(conv2d, products=products)
    device = torch.device("cuda")
    step = Replayed(ours(SETTINGS[name].config, device, order, seeds), device)
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(REPEATS):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / REPEATS * 1e3


environment.prepare(None)
for case in CASES:
    products, grouped = (milliseconds(*case, products=each) for each in (True, False))
    print(f"{' '.join(map(str, case))}: products {products:.1f}, grouped {grouped:.1f}")
