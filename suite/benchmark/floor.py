"""The least that a meta-gradient can take: counted arithmetic and traffic, and measured rates."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_CONVOLUTION = torch.ops.aten.convolution.default
_CONVOLUTION_BACKWARD = torch.ops.aten.convolution_backward.default
_PRODUCTS = (
    torch.ops.aten.mm.default,
    torch.ops.aten.bmm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.baddbmm.default,
)
_SIDE = 2048
_COPIED = 1 << 28
_REPEATS = 5


@dataclass(frozen=True, kw_only=True)
class Work:
    """The work of the convolutions and matrix products of one computation."""

    flops: int
    """Multiplications and additions."""
    traffic: int
    """Bytes, were each operand read once, each result written once and all else fused with them."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What the machine does at best, in float32."""

    flops: float
    """Multiplications and additions a second, in a large matrix product."""
    traffic: float
    """Bytes a second, read and written, in a large copy."""

    def floor(self, work: Work) -> float:
        """Seconds below which `work` cannot be done."""
        return max(work.flops / self.flops, work.traffic / self.traffic)


class Counter(TorchDispatchMode):
    """Counts the work of what is called within."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._flops = self._traffic = 0

    @property
    def work(self) -> Work:
        """The work counted so far."""
        return Work(flops=self._flops, traffic=self._traffic)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        flops = _flops(func, args, result)
        if flops:
            self._flops += flops
            wanted = [each for each in tree_leaves((args, result)) if isinstance(each, Tensor)]
            self._traffic += sum(each.numel() * each.element_size() for each in wanted)
        return result


def _flops(func: Any, args: Any, result: Any) -> int:
    # Each output of a convolution is a sum over the inputs of its group and the kernel.
    if func is _CONVOLUTION:
        return 2 * int(result.numel() * math.prod(args[1].shape[1:]))
    if func is _CONVOLUTION_BACKWARD:
        return 2 * int(sum(args[10][:2]) * args[0].numel() * math.prod(args[2].shape[1:]))
    if func in _PRODUCTS:
        left = args[-2]
        return 2 * int(result.numel()) * int(left.shape[-1])
    return 0


def counted(work: Callable[[], object]) -> Work:
    """What one call of `work` does."""
    counter = Counter()
    with counter:
        work()
    return counter.work


def measure_rates(device: torch.device) -> Rates:
    """Measure the rates; of some repeats the best counts."""
    left, right = (torch.rand(_SIDE, _SIDE, device=device) for _ in range(2))
    source = torch.rand(_COPIED // 4, device=device)
    target = torch.empty_like(source)
    return Rates(
        flops=2 * _SIDE**3 / _best(lambda: torch.mm(left, right), device),
        traffic=2 * _COPIED / _best(lambda: target.copy_(source), device),
    )


def _best(work: Any, device: torch.device) -> float:
    return min(seconds(work, device) for _ in range(_REPEATS))


def seconds(work: Any, device: torch.device) -> float:
    """How long one call of `work` takes, to the end of what it launched."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began
