"""How much memory a meta-gradient takes at its peak."""

import multiprocessing
from multiprocessing.connection import Connection

import torch

from suite.benchmark import speed
from suite.benchmark.bounds import bounded
from suite.benchmark.rivals import RIVALS
from suite.data.synthetic import random_batch
from suite.inner.learner import initial_learner
from suite.machine import environment
from suite.machine.failures import is_memory
from suite.models import build_network
from suite.settings import Config

_CALLS = 2


def peak_bytes(config: Config, variant: str, device: torch.device) -> int | None:
    """The most memory that `variant`, a name of `RIVALS` or `ours`, adds to what stood before.

    On a GPU it is the device's. Elsewhere it is that of a process of its own, since the peak of a
    process never falls. None where there is not so much.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(
        target=_measure, args=(sender, config, variant, str(device), torch.get_num_threads())
    )
    child.start()
    sender.close()
    try:
        return receiver.recv()  # type: ignore[no-any-return]
    finally:
        child.join()


def _measure(
    sender: Connection, config: Config, variant: str, device_name: str, threads: int
) -> None:
    environment.prepare(threads)
    device = torch.device(device_name)
    work = speed.ours(config, device, "second")
    if variant != "ours":
        learner = initial_learner(config, build_network(config), device)
        batch = random_batch(config, device)
        params = {name: value[0].detach() for name, value in learner.params.items()}
        work = lambda: RIVALS[variant].gradient(config, params, batch, "second")  # noqa: E731
    before = environment.peak_memory_bytes(device)
    try:
        with bounded(device):
            for _ in range(_CALLS):
                work()
        sender.send(environment.peak_memory_bytes(device) - before)
    except (RuntimeError, MemoryError) as error:
        if not is_memory(error):
            raise
        sender.send(None)
