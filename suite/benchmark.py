"""How long a meta-gradient takes, batched over tasks and task by task.

The two run in turns in one process, so that what else the machine does hits both; read the ratios.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from baselines.maml import query_losses
from suite.data.synthetic import random_batch
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.inner.loop import Order
from suite.inner.reference import reference_meta_gradient
from suite.models import build_network
from suite.rng import generator
from suite.settings import SETTINGS, Config

TIMED = ("sinusoid", "omniglot-5way-1shot", "omniglot-20way-1shot", "miniimagenet-5way-1shot")


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Seconds a meta-gradient of one setting, medians over the rounds."""

    setting: str
    order: Order
    reference: float
    batched: float
    ratio: float
    """Median over the rounds of reference / batched."""
    ratios: tuple[float, float]
    """The least and the greatest of them."""


def measure(device: torch.device, rounds: int) -> Iterator[Measurement]:
    """Time every setting of `TIMED` in both orders, on random inputs of the real shapes."""
    for setting in TIMED:
        config = SETTINGS[setting].config
        batch = random_batch(config, device)
        orders: tuple[Order, ...] = ("second", "first")
        for order in orders:
            yield _measure(setting, config, batch, device, order, rounds)


def _measure(
    setting: str,
    config: Config,
    batch: TaskBatch,
    device: torch.device,
    order: Order,
    rounds: int,
) -> Measurement:
    network = build_network(config)
    drawn = network.initial(generator(0, "initial weights"))
    params = {name: value[None].to(device).requires_grad_() for name, value in drawn.items()}
    own = {name: value[0] for name, value in params.items()}
    learner = Learner(config=config, network=network, params=params)

    def batched() -> None:
        losses, _ = query_losses(learner, batch, order)
        torch.autograd.grad(losses.mean(), list(params.values()))

    def reference() -> None:
        reference_meta_gradient(config, own, batch, order=order)

    for once in (batched, reference):
        _seconds(once, device)
    times = [(_seconds(reference, device), _seconds(batched, device)) for _ in range(rounds)]
    ratios = [slow / fast for slow, fast in times]
    return Measurement(
        setting=setting,
        order=order,
        reference=statistics.median(slow for slow, _ in times),
        batched=statistics.median(fast for _, fast in times),
        ratio=statistics.median(ratios),
        ratios=(min(ratios), max(ratios)),
    )


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began
