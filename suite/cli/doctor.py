"""`suite doctor`: what is here, what is missing, and how to get it."""

import os

import torch

from suite.cli.commands import Doctor
from suite.cli.data import size
from suite.data import stored
from suite.data.download import received
from suite.errors import SuiteError, UsageError
from suite.files import cache_dir
from suite.machine import environment
from suite.names import named
from suite.settings import DATA_SETS, DataSet


def doctor_command(_: Doctor) -> int:
    """Print what was found; 0, since nothing here is needed by every run."""
    for name, version in environment.versions().items():
        print(f"{name:12} {version}")
    gpu = torch.cuda.is_available()
    device = environment.device_name(torch.device("cuda" if gpu else "cpu"))
    print(f"{'device':12} {device}" + ("" if gpu else " (no CUDA device: runs use the CPU)"))
    print(f"{'threads':12} {torch.get_num_threads()}")
    commit, dirty, unknown = environment.git_state()
    state = {True: " with changes", False: "", None: ""}[dirty]
    print(f"{'commit':12} {commit or f'unknown: {unknown}'}{state}")
    print(f"{'cache':12} {_cache()}")
    print(f"{'data cache':12} {_data_cache()}")
    print(f"{'torchvision':12} {_torchvision()}")
    print(f"{'SUITE_DATA':12} {os.environ.get('SUITE_DATA', 'not set')}")
    for name, entry in DATA_SETS.items():
        if not entry.environment:
            print(f"{name:12} {_data(name, entry)}")
    return 0


def _data_cache() -> str:
    try:
        found = stored.entries()
    except SuiteError as error:
        return str(error)
    total = size(sum(entry.size for entry in found))
    return f"{total} of decoded data, entries: {len(found)}; list them with: suite data --cache"


def _cache() -> str:
    try:
        return str(cache_dir())
    except UsageError as error:
        return str(error)


def _torchvision() -> str:
    try:
        import torchvision
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        return (
            f"cannot be imported ({reason}); only suite picture needs it: install the torchvision "
            "made for this torch"
        )
    return str(torchvision.__version__)


def _data(name: str, entry: DataSet) -> str:
    if entry.at_hand is None or entry.download is None:
        return "needs no download"
    try:
        found: str | None = named(entry.at_hand)()
        here = received(name)
    except (SuiteError, OSError) as error:
        return str(error)
    wanted = size(entry.download.size) + (f", {size(here)} of it received" if here else "")
    return found or f"not here; fetch it ({wanted}), or see how, with: suite data {name}"
