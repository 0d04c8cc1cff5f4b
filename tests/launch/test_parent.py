"""What a process has started ends with it, also where it is killed by SIGKILL."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from suite.launch import parent
from suite.registry import Registry
from tests.processes import started, wait_for

# For a busy machine: what waits longest starts Python with torch twice.
PATIENCE = 300.0


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def runs_of(pid: int) -> list[int]:
    """The runs that the process has started, and not what it asks of git meanwhile."""
    children = [
        int(each)
        for each in Path(f"/proc/{pid}/task").glob("*/children")
        for each in each.read_text().split()
    ]
    return [child for child in children if b"\0run\0" in command_of(child)]


def command_of(pid: int) -> bytes:
    """Its arguments, each ended by a zero byte; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


SWEEP = ("sweep", "sinusoid", "--methods", "maml", "--seeds", "0", "--jobs", "1")
# Not compiled, and soon at the first point of the curve.
LONG = "3000"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
@pytest.mark.slow
def test_a_killed_sweep_leaves_no_child_and_goes_on(tmp_path):
    first = started(tmp_path, *SWEEP, "--iterations", LONG)
    saved = tmp_path / "cache" / "runs"
    wait_for(lambda: list(saved.glob("*/.lock")), PATIENCE)
    (child,) = runs_of(first.pid)
    first.kill()
    first.communicate()
    wait_for(lambda: not alive(child), PATIENCE)
    # Its lock is free: the same seed is run at once.
    again = started(tmp_path, *SWEEP, "--iterations", LONG)
    wait_for(lambda: list(saved.glob("*/checkpoint.best.pt")) or again.poll() is not None, PATIENCE)
    again.terminate()
    told = again.communicate(timeout=PATIENCE)[0]
    assert "is being run by another process" not in told
    assert again.returncode == 143, told
    assert Registry(tmp_path / "results").paths() == []


CHILD = """
import os, sys, time
from suite.launch import parent
if sys.argv[1] == "without the kernel":
    sys.platform = "other"
if sys.argv[1] == "late":
    time.sleep(1.5)
parent.end_with_parent()
print("up", os.getpid(), flush=True)
time.sleep(60)
"""
STARTER = """
import subprocess, sys, time
from suite.launch.parent import child_environment
child = subprocess.Popen([sys.executable, *sys.argv[1:]], env=child_environment())
print("started", child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", ["with the kernel", "without the kernel", "late"])
def test_a_child_ends_whenever_its_parent_is_killed(how):
    """Also where the parent is dead before the child can ask to end with it."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, "-c", CHILD, how], stdout=subprocess.PIPE, text=True
    )
    child = int(starter.stdout.readline().split()[1])
    if how != "late":
        assert starter.stdout.readline().startswith("up")
    assert alive(child)
    starter.kill()
    starter.wait()
    wait_for(lambda: not alive(child), PATIENCE)
    starter.stdout.close()


def test_a_command_that_nobody_started_so_is_not_watched(monkeypatch):
    started = []
    monkeypatch.setattr(parent.threading, "Thread", lambda **_: started.append(1))
    for value in ("", "nobody", "-1"):
        monkeypatch.setenv("SUITE_PARENT", value)
        parent.end_with_parent()
    parent.end_with_parent()
    assert started == []
    assert parent.child_environment()["SUITE_PARENT"] == str(os.getpid())
