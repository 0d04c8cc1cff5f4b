"""What the process that reads pickles can still do, once it has given up its rights: compute."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRIES = """
import ctypes, json, os, resource, socket, subprocess, sys
import json.encoder, numpy
from suite.data.miniimagenet import pickle_child

def network():
    return os.readlink("/proc/self/ns/net")

if sys.argv[2] == "nobody":
    os.setgroups([])
    os.setgid(12345)
    os.setuid(12345)
    ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE, which has been lost, and with it /proc/self
before = network()
pickle_child._give_up_rights(0)
told = {"apart": network() != before}

def attempt(name, what):
    try:
        what()
        told[name] = None
    except Exception as error:
        told[name] = type(error).__name__

address = ("127.0.0.1", int(sys.argv[1]))
attempt("tcp", lambda: socket.create_connection(address, 5))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"a", address))
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("pair", socket.socketpair)
attempt("pipe", os.pipe)
attempt("read", lambda: open("/etc/passwd"))
attempt("write", lambda: open("written", "w"))
attempt("start", lambda: subprocess.run(["true"]))
attempt("numpy", lambda: numpy.ones((100, 100)) @ numpy.ones((100, 100)))
attempt("limit", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99)))
attempt("tcp at last", lambda: socket.create_connection(address, 5))
os.write(1, json.dumps(told).encode())
"""


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which network it is in")
@pytest.mark.parametrize("nobody", [False, True])
def test_it_opens_nothing_and_reaches_nobody(tmp_path, listener, nobody):
    if nobody and os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    done = subprocess.run(
        [sys.executable, "-c", TRIES, str(listener), "nobody" if nobody else "self"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    told = json.loads(done.stdout)
    apart, limit, reached = told.pop("apart"), told.pop("limit"), told.pop("tcp at last")
    assert told.pop("numpy") is None
    assert set(told.values()) <= {"OSError", "BlockingIOError", "PermissionError"}, told
    assert len(told) == 8
    assert list(tmp_path.iterdir()) == []
    if not apart and not nobody:
        pytest.skip("this system gives no network of its own, so root may raise its limits again")
    assert limit == "ValueError"
    assert reached is not None
