"""How much memory a meta-gradient takes at its peak."""

import multiprocessing
from multiprocessing.connection import Connection

import torch

from suite import environment
from suite.benchmark import speed
from suite.benchmark.rivals import RIVALS
from suite.data.synthetic import random_batch
from suite.settings import Config

_CALLS = 2


def peak_bytes(config: Config, variant: str, device: torch.device) -> int:
    """The most memory that `variant`, a name of `RIVALS` or `ours`, adds to what stood before.

    Of the device on a GPU; elsewhere of a process of its own, since a process's peak never falls.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(
        target=_measure, args=(sender, config, variant, str(device), torch.get_num_threads())
    )
    child.start()
    sender.close()
    try:
        return int(receiver.recv())
    finally:
        child.join()


def _measure(
    sender: Connection, config: Config, variant: str, device_name: str, threads: int
) -> None:
    environment.prepare(threads)
    device = torch.device(device_name)
    work = speed.ours(config, device, "second")
    if variant != "ours":
        learner, batch = speed.learner_of(config, device), random_batch(config, device)
        params = {name: value[0].detach() for name, value in learner.params.items()}
        work = lambda: RIVALS[variant](config, params, batch, "second")  # noqa: E731
    before = environment.peak_memory_bytes(device)
    for _ in range(_CALLS):
        work()
    sender.send(environment.peak_memory_bytes(device) - before)
