"""The machine and the code that a run is made with: device, threads, versions, commit."""

import contextlib
import ctypes
import functools
import importlib.metadata
import os
import platform
import re
import resource
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

import suite
from suite import __version__
from suite.errors import UsageError, one_line
from suite.machine.git import NO_CHECKOUT, GitError, git
from suite.parsing import NotJson, parsed

# glibc's mallopt parameters.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def choose_device(name: str) -> torch.device:
    """The device; `auto` is the GPU where there is one. Raises `UsageError` for one that is not."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", name):
        raise UsageError(
            f"--device {one_line(name)}: choose auto, cpu or cuda (cuda:1 is the second)"
        )
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("no CUDA device here; run with --device cpu, or see: suite doctor")
    device, count = torch.device(name), torch.cuda.device_count()
    if device.index is not None and device.index >= count:
        raise UsageError(f"--device {name}: there are {count}, from cuda:0 on")
    return device


_MOST_THREADS = 1024


def prepare(threads: int | None) -> None:
    """Set what every run relies on: true float32, the number of threads, memory that is kept.

    TF32 is on by default in cuDNN's convolutions. Freed memory goes back to the system in large
    pieces by default, and every iteration pays for the same pages again.
    """
    _allow_tf32(False)
    if threads is not None and threads < 1:
        raise UsageError(f"--threads {threads}: at least 1 is needed")
    if threads is not None and threads > _MOST_THREADS:  # torch would crash
        raise UsageError(f"--threads {threads}: {_MOST_THREADS:,} at most")
    git_state()
    if threads is not None:
        torch.set_num_threads(threads)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
            libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
            libc.mallopt(_M_TOP_PAD, 1 << 26)


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute on `count` CPU threads in this context."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def use_precision(precision: str, device: torch.device) -> None:
    """Allow TF32 where a configuration asks for it. Raises `UsageError` where there is none."""
    wanted = precision == "tf32"
    if wanted and (device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0)):
        raise UsageError(
            "precision=tf32 needs a GPU of compute capability 8.0; choose float32 or bfloat16"
        )
    _allow_tf32(wanted)


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def free_memory_bytes(device: torch.device) -> int:
    """The free memory of a GPU, or elsewhere of the machine, in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory that was in use: on the device for a GPU, by this process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():
        # The other way, below, a process starts with the peak of the one that started it.
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def code_version() -> str:
    """The commit, with `-dirty` where the code differs from it, or `unknown`."""
    return str(git_state())


def cores() -> int:
    """The CPU cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus() -> int:
    """The GPUs that this process may use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def device_name(device: torch.device) -> str:
    """What the driver or the kernel calls the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"cpu: {line.partition(':')[2].strip()}"
    return f"cpu: {platform.processor() or platform.machine()}"


def versions() -> dict[str, str]:
    """Versions of what a result can depend on."""
    found = {
        "python": platform.python_version(),
        "suite": __version__,
        "torch": str(torch.__version__),
    }
    for package in ("higher", "numpy", "mujoco-core", "gymnasium"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    if torch.version.cuda:
        found["cuda"] = str(torch.version.cuda)
    return found


def measured_on(device: torch.device) -> str:
    """The last line of a page of measurements: the device and the versions."""
    found = ", ".join(f"{name} {value}" for name, value in versions().items())
    return f"Measured on {device_name(device)}; {found}."


def host() -> str:
    """This machine's name."""
    return socket.gethostname()


class GitState(NamedTuple):
    """Which code runs, as far as git can tell."""

    commit: str | None
    dirty: bool | None
    """Whether tracked files differ from the commit."""
    unknown: str | None = None
    """Why the commit is not known."""

    def __str__(self) -> str:
        if self.commit is None:
            return "unknown"
        return f"{self.commit}-dirty" if self.dirty else self.commit


SHIPPED = "shipped.json"
"""Beside the package, where it was sent without its history: the `GitState` that it was sent in."""


@functools.cache
def git_state() -> GitState:
    """The state of the checkout that this code is in, if it is in one.

    Only what shapes a result counts. Asked once a process, since the files may change while the
    loaded code does not.
    """
    return git_state_of(code_folder())


def code_folder() -> Path:
    """The folder that this code is in."""
    return Path(suite.__file__).resolve().parent.parent


def git_state_of(here: Path) -> GitState:
    """The state of the checkout `here`, or that in which the code there was sent."""
    try:
        if Path(git(here, "rev-parse", "--show-toplevel")).resolve() != here:
            return _shipped(here) or GitState(None, None, NO_CHECKOUT)
        changed = git(here, "status", "--porcelain", "--", "suite", "baselines", "pyproject.toml")
        return GitState(git(here, "rev-parse", "HEAD"), bool(changed))
    except GitError as error:
        return _shipped(here) or GitState(None, None, str(error))


def _shipped(here: Path) -> GitState | None:
    with contextlib.suppress(OSError, NotJson):
        return parsed((here / SHIPPED).read_bytes(), GitState)
    return None
