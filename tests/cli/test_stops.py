"""Commands that are told to stop while they do what asks nobody for long."""

import os
import signal
import subprocess
import sys
import time

import pytest

PATIENCE = 120.0
# For a busy machine: idle, all of them end within a second.
SECONDS = 8.0
COMPILED = "run sinusoid maml --iterations 100000 --engine compiled"
GLYPHS = "run glyphs-5way-1shot maml --iterations 1"


def begun(arguments: str, until: str, where) -> subprocess.Popen[str]:
    """`suite ARGUMENTS` in a folder of its own, once it has told of `until`."""
    child = subprocess.Popen(
        [sys.executable, "-m", "suite", *arguments.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=where,
        env={
            **os.environ,
            "SUITE_CACHE": str(where / "cache"),
            "TORCHINDUCTOR_CACHE_DIR": str(where / "inductor"),
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        },
    )
    for line in child.stdout:
        if until in line:
            return child
    pytest.fail(f"ended with {child.wait()} before it told of {until}")


def told(child: subprocess.Popen[str]) -> list[str]:
    """What it says until it ends, soon."""
    began = time.monotonic()
    output = child.communicate(timeout=PATIENCE)[0]
    assert time.monotonic() - began < SECONDS
    return output.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "until"),
    [(COMPILED, "compiling the meta-gradient"), (GLYPHS, "glyphs")],
)
def test_a_signal_ends_compiling_and_decoding_at_once(tmp_path, arguments, until):
    child = begun(arguments, until, tmp_path)
    time.sleep(0.7)
    child.send_signal(signal.SIGTERM)
    lines = told(child)
    assert child.returncode == 128 + signal.SIGTERM
    assert [line[9:] for line in lines] == [
        "stopped by SIGTERM; to go on, give the same command again"
    ]
    # Nothing half-written is in the way of the next call, or left behind.
    assert not list(tmp_path.glob("cache/**/*.tmp"))
    assert not list(tmp_path.glob("cache/data/*.npy"))
