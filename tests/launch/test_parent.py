"""What a process has started ends with it, also where it is killed by SIGKILL."""

import os
import subprocess
import sys

import pytest

from suite.launch import parent
from tests.processes import alive, wait_for

# For a busy machine.
PATIENCE = 60.0

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
