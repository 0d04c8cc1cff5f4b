"""Commands that are told to stop while they do what asks nobody for long."""

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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
            "PYTHONFAULTHANDLER": "1",  # where it crashes, its output says where
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
    assert child.returncode == 128 + signal.SIGTERM, "\n".join(lines)
    assert [line[9:] for line in lines] == [
        "stopped by SIGTERM; to go on, give the same command again"
    ]
    # Nothing half-written is in the way of the next call, or left behind.
    assert not list(tmp_path.glob("cache/**/*.tmp"))
    assert not list(tmp_path.glob("cache/data/*.npy"))


RESULTS = Path(__file__).parents[1] / "report" / "golden" / "results"
STOPPED_IN = {
    f"tables --results {RESULTS}": ("suite.report.write", "render_tables"),
    f"tables --check --results {RESULTS}": ("suite.report.write", "render_tables"),
    f"report --results {RESULTS}": ("suite.report.write", "render_page"),
    f"report --check --results {RESULTS}": ("suite.report.write", "render_page"),
    f"check --results {RESULTS} --update": ("suite.cli.check", "judged"),
    f"check --results {RESULTS} --update --run": ("suite.cli.check", "load_image_data"),
    "data glyphs": ("suite.data.glyphs", "draw_glyphs"),
    "reproduce quickstart": ("suite.data.glyphs", "draw_glyphs"),
    "run glyphs-5way-1shot maml": ("suite.data.glyphs", "draw_glyphs"),
}


@pytest.mark.parametrize("arguments", STOPPED_IN)
def test_every_command_ends_in_one_line_and_leaves_nothing_half_written(
    suite, monkeypatch, tmp_path, caplog, arguments
):
    def struck(*_arguments, **_options):
        os.kill(os.getpid(), signal.SIGTERM)
        # Another thread may be handed the signal, and this one told a moment later.
        for _ in range(500):
            time.sleep(0.01)
        pytest.fail("it went on")

    module, name = STOPPED_IN[arguments]
    monkeypatch.setattr(importlib.import_module(module), name, struck)
    code, out, _ = suite(arguments)
    assert code == 128 + signal.SIGTERM
    assert out == ""
    assert caplog.messages[-1] == "stopped by SIGTERM; to go on, give the same command again"
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"glyphs.lock", *(path.name for path in tmp_path.glob("cache/registry/*"))}


def test_a_report_that_is_being_written_is_written_to_its_end(suite, monkeypatch, tmp_path):
    module = importlib.import_module("suite.report.write")
    write = module.atomic_write

    def struck(path, data):
        os.kill(os.getpid(), signal.SIGTERM)
        write(path, data)

    monkeypatch.setattr(module, "atomic_write", struck)
    assert suite(f"tables --results {RESULTS}")[0] == 0
    monkeypatch.setattr(module, "atomic_write", write)
    assert suite(f"tables --check --results {RESULTS}")[0] == 0
