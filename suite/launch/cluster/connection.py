"""Joining a cluster of Ray as the one that hands out work, and leaving it without a trace."""

import logging
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from suite.errors import UsageError, one_line
from suite.launch.cluster.code import ship
from suite.launch.folders import own_folder

LOCAL = "local"
# Ray's sockets lie below, and their paths have 107 bytes at most.
_MOST_CHARACTERS = 24
_OURS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Else the runs of a cluster of this machine have the least of a busy one.
    "RAY_worker_niceness": "0",
}


@contextmanager
def connected(address: str, cpus: int) -> Iterator[None]:
    """Within, this process is part of the cluster at `address`, and its code is on all machines.

    `auto` is the cluster that this machine is part of, `LOCAL` one of this machine, of so many
    `cpus`, that ends with this process. Raises `UsageError` where there is none.
    """
    if "://" in address:
        raise UsageError(
            f"--ray {one_line(address)}: a sweep runs on a machine of the cluster; there name "
            "HOST:PORT or auto"
        )
    for name, value in _OURS.items():
        os.environ.setdefault(name, value)
    with _temporary() as folder:
        ship(folder / "code")
        own: dict[str, Any] = {
            "_temp_dir": str(folder),
            "include_dashboard": False,
            "num_cpus": cpus,
        }
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"working_dir": str(folder / "code")},
                **(own if address == LOCAL else {}),
            )
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise UsageError(
                one_line(
                    f"no Ray cluster at {address} ({_first_line(error)}); start one with: "
                    "ray start --head"
                )
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _temporary() -> Iterator[Path]:
    """A folder with a short path, which is removed in the end."""
    home = Path(tempfile.gettempdir())
    if len(str(home)) > _MOST_CHARACTERS:
        home = Path("/tmp")
    with own_folder(home / f"suite-ray-{os.getuid()}", secrets.token_hex(4)) as folder:
        yield folder


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
