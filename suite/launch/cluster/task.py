"""What runs on a machine of the cluster: the examination of the machine, and jobs."""

import contextlib
import queue
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import torch

from suite.data import sent
from suite.data.images import load_image_data
from suite.data.sent import SentData
from suite.errors import DataError, SuiteError, one_line
from suite.files import atomic_write, cache_dir, configured, disk_of
from suite.launch.board import VARIABLE
from suite.launch.child import Child
from suite.launch.cluster.code import Facts, code_for_jobs, facts_of, python_path
from suite.launch.cluster.errand import Desk, Errand, News
from suite.launch.folders import own_folder, remove_left
from suite.machine import environment
from suite.machine.gpu import name_of_first
from suite.names import named
from suite.settings import DATA_SETS

_TELL_SECONDS = 1.0
_LEAST_FREE_BYTES = 2**28
"""What a machine has to have free: checkpoints, and a decoded data set that is smaller."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a machine says of itself."""

    facts: Facts
    device: str
    """The name of what its jobs would run on."""
    gpu: bool
    lacking: tuple[str, ...] = ()
    """The data sets that it has to be sent."""
    problem: str | None = None
    """Why it can run nothing, whatever its versions are."""


def examine(fingerprints: Mapping[str, str], root: Path | None, *, gpu: bool) -> Report:
    """Look at this machine, before it may run jobs on data of these fingerprints.

    `root` is where the sweep has its data sets, which may be a folder that this machine sees too.
    `gpu` says whether Ray counts GPUs here: this task is given none, and so sees none.
    """
    remove_left(_home())
    code = code_for_jobs()
    lacking: list[str] = []
    problem = _disk_problem()
    for name, fingerprint in fingerprints.items():
        if problem is None and not sent.holds(name, fingerprint):
            own = _own_fingerprint(name, root)
            if own is None:
                lacking.append(name)
            elif own != fingerprint:
                problem = f"{name} with the fingerprint {own[:12]}, not {fingerprint[:12]}"
    return Report(
        facts=facts_of(code),
        device=(gpu and name_of_first()) or environment.device_name(torch.device("cpu")),
        gpu=gpu,
        lacking=tuple(lacking),
        problem=problem,
    )


def _disk_problem(wanted: int = _LEAST_FREE_BYTES) -> str | None:
    """Why the cache cannot be written; None where it can, and `wanted` bytes more fit."""
    probe = cache_dir() / ".room"
    try:
        atomic_write(probe, b"room")
        probe.unlink(missing_ok=True)
    except OSError as error:
        return f"a cache that cannot be written, {cache_dir()}: {error.strerror or error}"
    if shutil.disk_usage(cache_dir()).free < wanted:
        return f"too little room for the cache {cache_dir()}: {disk_of(cache_dir())}"
    return None


def _own_fingerprint(name: str, root: Path | None) -> str | None:
    """That of the copy that lies here; None where there is none that could be used."""
    at_hand = DATA_SETS[name].at_hand
    if root is not None and not root.exists():
        root = None
    try:
        if root is None and (at_hand is None or _nowhere(at_hand)):
            return None
        return load_image_data(name, root=root).fingerprint
    except DataError:
        return None


def _nowhere(at_hand: str) -> bool:
    return configured("SUITE_DATA") is None and named(at_hand)() is None


def take_data(data: SentData) -> str | None:
    """Put a data set that the sweep sends into the cache; why that cannot be, or None."""
    if problem := _disk_problem(_LEAST_FREE_BYTES + data.images.nbytes):
        return problem
    try:
        if not sent.holds(data.name, data.about.fingerprint):
            sent.take(data)
    except DataError as error:
        return str(error)
    return None


def run_job(errand: Errand, post: Any) -> int:
    """Run a job in a process of its own, and leave at `post` what is new of it; its exit code.

    `post` is the handle of a `suite.launch.cluster.post.Post`.
    """
    machine = ray.get_runtime_context().get_node_id()
    try:
        with own_folder(_home()) as folder:
            return _run(errand, post, folder, machine)
    except (SuiteError, OSError) as error:
        line = one_line(f"{errand.job.name}: {error}")
        ray.get(post.tell.remote(News(number=errand.number, machine=machine, lines=(line,))))
        return error.exit_code if isinstance(error, SuiteError) else DataError.exit_code


def _home() -> Path:
    """The folder of the jobs of this machine."""
    return cache_dir() / "cluster"


def _run(errand: Errand, post: Any, folder: Path, machine: str) -> int:
    kept = ray.get(post.begin.remote(News(number=errand.number, machine=machine)))
    desk = Desk(folder)
    desk.lay_out(kept.trainings or errand.trainings, {*errand.records, *kept.records})
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    over = threading.Event()
    options = ["--results", desk.RESULTS, "--checkpoints", desk.TRAININGS]
    child = Child(
        errand.job,
        options + ([] if errand.threads is None else ["--threads", str(errand.threads)]),
        lines.put,
        over.set,
        own={
            VARIABLE: str(folder / desk.PROGRESS),
            "PYTHONPATH": python_path(code_for_jobs()),
            **sent.asking(errand.fingerprints),
        },
        timeout=errand.timeout,
        folder=folder,
    )

    def tell() -> bool:
        news = News(
            number=errand.number,
            machine=machine,
            lines=_drained(lines),
            progress=desk.progress(),
            trainings=desk.new_trainings(),
            records=desk.new_records(),
        )
        stop: bool = ray.get(post.tell.remote(news))
        return stop

    try:
        asked = False
        while not over.wait(_TELL_SECONDS):
            child.hurry()
            if tell() and not asked:
                asked = True
                child.leave()
        tell()
        return child.wait()
    finally:
        child.kill()


def _drained(lines: queue.SimpleQueue[str]) -> tuple[str, ...]:
    found = []
    with contextlib.suppress(queue.Empty):
        while True:
            found.append(lines.get_nowait())
    return tuple(found)
