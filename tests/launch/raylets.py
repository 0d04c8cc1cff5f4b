"""A cluster of Ray whose machines are all this one, for the tests.

`python -m tests.launch.raylets` starts it in a process of its own, which ends all of it with
its own end: a head without CPUs and, for each line of its stdin, a raylet of one CPU with the
variables that the line has as JSON. It answers each line with a line of JSON.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.launch.cluster.variables import set_variables

_MEMORY = 100 * 2**20


@dataclass(frozen=True)
class Raylet:
    """A machine of the cluster."""

    name: str
    """Ray's name for it."""
    pid: int

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class Raylets:
    """The cluster, as a test sees it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.address: str = self._answer()["address"]

    def add(self, **variables: str) -> Raylet:
        """Let another machine join, once it has; its processes have these variables."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(variables) + "\n")
        self._process.stdin.flush()
        found = self._answer()
        return Raylet(found["name"], found["pid"])

    def _answer(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise AssertionError(f"the cluster ended with {self._process.wait()}")


@contextmanager
def raylets() -> Iterator[Raylets]:
    """A cluster without machines that have a CPU, within; nothing of it is left afterwards."""
    # Its sockets lie below, and their paths have 107 bytes at most.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    Path(folder, "ray").mkdir()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "RAY_TMPDIR": folder},
        ) as process:
            try:
                yield Raylets(process)
            finally:
                assert process.stdin is not None
                process.stdin.close()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve() -> None:
    set_variables()
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": _MEMORY}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    print(json.dumps({"address": cluster.address}), flush=True)
    for line in sys.stdin:
        node = cluster.add_node(num_cpus=1, object_store_memory=_MEMORY, env_vars=json.loads(line))
        (raylet,) = node.all_processes["raylet"]
        print(json.dumps({"name": node.node_id, "pid": raylet.process.pid}), flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    _serve()
