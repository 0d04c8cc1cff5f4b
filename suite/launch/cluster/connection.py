"""Joining a cluster of Ray as the one that hands out work, and leaving it without a trace."""

import logging
import os
import secrets
import socket
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
_ANSWER_SECONDS = 20.0


@contextmanager
def connected(address: str, cpus: int) -> Iterator[None]:
    """Within, this process is part of the cluster at `address`, and its code is on all machines.

    `auto` is the cluster that this machine is part of, `LOCAL` one of this machine, of so many
    `cpus`, that ends with this process. Raises `UsageError` where there is none.
    """
    _require_answer(address)
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
            raise _absent(address, error) from error
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


def _require_answer(address: str) -> None:
    """Raise `UsageError` where nobody listens at HOST:PORT, which Ray would try for minutes."""
    if address in (LOCAL, "auto"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "://" in address:
        raise UsageError(
            f"--ray {one_line(address)}: a sweep runs on a machine of the cluster; there name "
            "HOST:PORT, auto or local"
        )
    try:
        socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise _absent(address, error) from error


def _absent(address: str, error: Exception) -> UsageError:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return UsageError(
        one_line(f"no Ray cluster at {address} ({reason}); start one with: ray start --head")
    )
