"""What befalls the machine is told and never recorded as what a run gives."""

import errno
import os
import resource
import subprocess
import sys

import pytest
import torch

from suite.errors import DataError
from suite.machine.failures import is_memory, machine_error, of_the_machine
from suite.registry import Registry
from suite.run import supervised

RUN = "run sinusoid maml --iterations 3 --threads 1 --device cpu --protocols 5-shot --engine eager"
LIMIT = 6 * 2**30


def raised(call) -> BaseException:
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        call()
    return caught.value


MEMORY = {
    "torch, CPU": raised(lambda: torch.empty(10**14)),
    "torch, GPU": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "JAX": RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 6792783224 bytes."),
    "the driver": torch.AcceleratorError("CUDA error: out of memory", 2),
    "cuBLAS": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
    "Python": raised(lambda: bytes(10**15)),
    "the kernel": OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
}
OTHERS = {
    "a full disk": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    "a bad disk": OSError(errno.EIO, os.strerror(errno.EIO)),
    "a closed pipe": BrokenPipeError(),
    "a device": torch.AcceleratorError("CUDA error: an illegal memory access", 700),
    "cuDNN": RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    "too many threads": RuntimeError("can't start new thread"),
    "not installed": ModuleNotFoundError("No module named 'mujoco'"),
}
OF_THE_RUN = [
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)"),
    FloatingPointError("overflow"),
    ValueError("memory"),
    ZeroDivisionError(),
]


@pytest.mark.parametrize("error", MEMORY.values(), ids=MEMORY)
def test_too_little_memory_is_known_by_any_name(error):
    assert is_memory(error)
    message = str(machine_error(error, "sinusoid maml seed 0", "do this"))
    assert message.startswith("sinusoid maml seed 0: memory does not suffice (")
    assert message.endswith("; do this")
    assert message.isprintable()


@pytest.mark.parametrize("error", OTHERS.values(), ids=OTHERS)
def test_other_circumstances(error):
    assert of_the_machine(error)
    assert not is_memory(error)
    message = str(machine_error(error, "seed 0", "do this"))
    assert type(error).__name__ in message
    assert message.endswith("give the same command again")


@pytest.mark.parametrize("error", OF_THE_RUN, ids=repr)
def test_what_a_run_gives_is_no_circumstance(error):
    assert not of_the_machine(error)


def process(*arguments: str, where, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "suite", *arguments],
        capture_output=True,
        text=True,
        cwd=where,
        env={**os.environ, "SUITE_CACHE": str(where / "cache"), "OMP_NUM_THREADS": "1"},
        **options,
    )


def test_a_process_without_memory_leaves_no_record_and_says_what_helps(tmp_path):
    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))

    large = ["--set", "tasks_per_batch=10000", "k_shot=1000", "n_query=1000"]
    done = process(*RUN.split(), *large, where=tmp_path, preexec_fn=limited)
    assert done.returncode == 2, done.stderr
    told = done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert told.startswith("suite: sinusoid maml seed 0: memory does not suffice (")
    assert "--seeds-together 1 or a small --tasks-per-chunk" in told
    assert Registry(tmp_path / "results").paths() == []


class Breaks:
    """Fails with an error while it is set, then goes on as before."""

    def __init__(self, monkeypatch, owner, name) -> None:
        self.error, self.calls, call = None, 0, getattr(owner, name)

        def breaks(*arguments, **named):
            self.calls += 1
            if self.error is not None:
                raise self.error
            return call(*arguments, **named)

        monkeypatch.setattr(owner, name, breaks)


@pytest.mark.parametrize("error", [*MEMORY.values(), *OTHERS.values()], ids=[*MEMORY, *OTHERS])
@pytest.mark.parametrize("while_", ["train", "evaluate"])
def test_the_next_call_tries_again(suite, tmp_path, monkeypatch, while_, error):
    broken = Breaks(monkeypatch, supervised, while_)
    broken.error = error
    code, out, told = suite(f"{RUN} --seeds 0")
    assert (code, out) == (2, "")
    assert told.splitlines()[-1].startswith("suite: sinusoid maml seed 0: ")
    assert Registry(tmp_path / "results").paths() == []
    broken.error = None
    assert suite(f"{RUN} --seeds 0")[0] == 0
    (record,) = Registry(tmp_path / "results").records()
    assert (record.status, record.attempt) == ("completed", 0)


def test_seeds_for_which_memory_does_not_suffice_together_are_trained_apart(
    suite, tmp_path, monkeypatch
):
    train = supervised.train

    def small(method, learner, *rest):
        if learner.seeds > 1:
            torch.empty(10**14)
        train(method, learner, *rest)

    monkeypatch.setattr(supervised, "train", small)
    assert suite(f"{RUN} --seeds 0 1")[0] == 0
    records = list(Registry(tmp_path / "results").records())
    assert [each.status for each in records] == ["completed"] * 2
    assert {each.timing.seeds_together for each in records} == {1}


def test_what_the_suite_itself_refuses_while_scoring_is_not_recorded(suite, tmp_path, monkeypatch):
    broken = Breaks(monkeypatch, supervised, "evaluate")
    broken.error = DataError("the images are gone; bring them back")
    code, _, told = suite(f"{RUN} --seeds 0")
    assert (code, "suite: the images are gone; bring them back" in told) == (2, True)
    assert Registry(tmp_path / "results").paths() == []


def test_a_command_that_has_no_memory_anywhere_else_is_told(suite, monkeypatch):
    from suite.run import resume as runs

    monkeypatch.setattr(runs, "initial_snapshot", lambda *_: torch.empty(10**14))
    code, _, told = suite(f"{RUN} --seeds 0")
    assert code == 2
    assert "suite: this command: memory does not suffice (" in told
