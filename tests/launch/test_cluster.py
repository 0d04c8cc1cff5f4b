"""Sweeps on a cluster of Ray: its machines are raylets of this one, of one CPU each."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from suite.launch.cluster.code import ship
from suite.machine import environment
from suite.registry import Registry
from suite.run.packs.trainings import saved_in
from tests.launch.raylets import raylets
from tests.processes import started, wait_for

pytest.importorskip("ray", reason="Ray cannot be imported: pip install '.[cluster]'")
pytestmark = [pytest.mark.cluster, pytest.mark.slow]

# For a busy machine.
PATIENCE = 400.0

GLYPHS = "glyphs-5way-1shot"
RUNS = (
    *("sinusoid/maml", "sinusoid/fomaml", "sinusoid/oracle", "sinusoid/context-vector"),
    *(f"{GLYPHS}/maml", "point-navigation/oracle"),
)
SEEDS = ("0", "1", "2", "3")
SWEEP = ("sweep", *RUNS, "--seeds", *SEEDS, "--iterations", "3")

ALONE = f"""
import sys
from suite.cli import main
for run in {RUNS}:
    command = ["run", *run.split("/"), "--seeds", *{SEEDS}, "--iterations", "3", "--threads", "1"]
    sys.argv = ["suite", *command]
    try:
        main()
    except SystemExit as left:
        assert left.code == 0, command
"""
"""The runs of that sweep by hand, in one process: to import torch takes longer than to train."""


def ended(process) -> tuple[int, str]:
    """The exit code of a sweep, and all that it has printed; one that takes too long is killed."""
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    told = process.communicate()[0]
    timer.cancel()
    return process.returncode, told


def runs_by_cache() -> dict[str, list[str]]:
    """The command lines of all runs of this machine, by the cache that they use."""
    found: dict[str, list[str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            variables = dict(
                each.split(b"=", 1)
                for each in (folder / "environ").read_bytes().split(b"\0")
                if b"=" in each
            )
        except OSError:
            continue
        if command[1:4] == [b"-m", b"suite", b"run"]:
            cache = variables.get(b"SUITE_CACHE", b"").decode()
            found.setdefault(cache, []).append(b" ".join(command).decode())
    return found


def essence(record) -> dict:
    """A record without its time and provenance, but for its weights."""
    content = msgspec.to_builtins(record)
    del content["timing"]
    return content | {"provenance": record.provenance.weights_sha256}


def essences(root: Path) -> dict[str, dict]:
    registry = Registry(root)
    return {registry.path(each).name: essence(each) for each in registry.records()}


def cache_like(source: Path, cache: Path) -> None:
    """A cache with the decoded data and the choice of ways of another, and no training."""
    for name in ("data", "ways"):
        if (source / name).exists():
            shutil.copytree(source / name, cache / name)


FEW_TASKS = """
import sys
def score_few():
    from msgspec.structs import replace
    from suite.settings import ENVIRONMENTS, SETTINGS
    for name, setting in SETTINGS.items():
        most = 6 if name in ENVIRONMENTS else 80
        def few(protocols):
            return tuple(replace(each, tasks=min(each.tasks, most)) for each in protocols)
        recipes = {
            method: replace(recipe, protocols=few(recipe.protocols))
            for method, recipe in setting.recipes.items()
        }
        SETTINGS[name] = replace(setting, protocols=few(setting.protocols), recipes=recipes)
if {"suite", "-c"} & set(sys.orig_argv):  # and not in Ray's own processes
    score_few()
"""


def at_the_start(folder: Path, code: str) -> str:
    """A PYTHONPATH by which every Python process begins with `code`."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return with_first(folder)


def with_first(folder: Path) -> str:
    """A PYTHONPATH by which what is in `folder` is found before all else."""
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


def test_machines_and_the_sweep_itself_are_lost_and_every_run_is_recorded_once(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", at_the_start(tmp_path / "few", FEW_TASKS))
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    alone.mkdir()
    shared.mkdir()
    subprocess.run(
        [sys.executable, "-c", ALONE],
        check=True,
        cwd=alone,
        env={**os.environ, "SUITE_CACHE": str(alone / "cache"), "OMP_NUM_THREADS": "1"},
    )
    expected = essences(alone / "results")
    assert (
        len({(each["setting"], each["method"], each["seed"]) for each in expected.values()}) == 24
    )
    cache_like(alone / "cache", shared / "cache")
    with raylets() as cluster:
        machines = {}
        for number in range(3):
            cache = tmp_path / f"machine-{number}"
            # Which way is the fastest is measured, and ways differ by rounding.
            shutil.copytree(alone / "cache" / "ways", cache / "ways")
            machines[str(cache)] = cluster.add(SUITE_CACHE=str(cache))
        command = (*SWEEP, "--ray", cluster.address)
        first = started(shared, *command)
        lost = wait_for(lambda: scoring_glyphs(shared, machines), PATIENCE)
        machines.pop(lost).kill()
        wait_for(lambda: len(Registry(shared / "results").paths()) >= len(expected) - 4, PATIENCE)
        first.kill()
        told = first.communicate()[0]
        assert "is lost; what it ran goes on elsewhere" in told
        assert "has no glyphs: it is sent there" in told
        wait_for(
            lambda: not any(each.startswith(str(tmp_path)) for each in runs_by_cache()), PATIENCE
        )
        assert len(Registry(shared / "results").paths()) < len(expected)
        code, told = ended(started(shared, *command))
        assert code == 0, told
    found = essences(shared / "results")
    assert found == expected
    records = list(Registry(shared / "results").records())
    assert any(each.timing.resumes for each in records)
    assert not any(each.provenance.unlike_sweep for each in records)
    assert len({each.provenance.git_commit for each in records}) == 1
    for cache in machines:
        assert list(Path(cache, "cluster").iterdir()) == []


def scoring_glyphs(where: Path, machines) -> str | None:
    """The cache of a machine that scores glyphs, whose training has come back."""
    running = runs_by_cache()
    for saved in saved_in(where / "cache" / "runs"):
        seed = re.search(f"{GLYPHS} maml seed ([0-9])", saved.training.title)
        if seed and not list((where / "results" / GLYPHS / "maml").glob(f"seed-{seed[1]}-*")):
            for cache in machines:
                if any(
                    f"{GLYPHS} maml --seeds {seed[1]} " in run for run in running.get(cache, ())
                ):
                    return cache
    return None


def omniglot(folder: Path, ink: int) -> Path:
    """A whole copy of Omniglot's shape, of which all drawings are one: the two zips."""
    drawing = Image.new("1", (105, 105), 1)
    drawing.paste(0, (20, 20, 20 + ink, 60))
    file = io.BytesIO()
    drawing.save(file, "PNG")
    names = [f"A{number // 99:02}/character{number % 99 + 1:02}" for number in range(1623)]
    folder.mkdir()
    for part, chosen in (("images_background", names[:990]), ("images_evaluation", names[990:])):
        with zipfile.ZipFile(folder / f"{part}.zip", "w") as archive:
            for name in chosen:
                for image in range(20):
                    archive.writestr(f"{part}/{name}/{image:02}.png", file.getvalue())
    return folder


def other_commit(folder: Path) -> str:
    """A checkout of this code with a commit more; its commit."""
    git = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t")
    folder.mkdir()
    ship(folder)
    (folder / environment.SHIPPED).unlink()
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "other")):
        subprocess.run((*git, *arguments), check=True)
    return subprocess.run(
        (*git, "rev-parse", "HEAD"), check=True, capture_output=True, text=True
    ).stdout.strip()


FULL = """
import errno, os
sync, cache = os.fsync, os.environ["SUITE_CACHE"]
def full(descriptor):
    if os.readlink(f"/proc/self/fd/{descriptor}").startswith(cache):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    sync(descriptor)
os.fsync = full
"""


def test_machines_that_differ_are_named_and_left_out_while_others_go_on(tmp_path, monkeypatch):
    own, others = omniglot(tmp_path / "own", 10), omniglot(tmp_path / "others", 40)
    commit = other_commit(tmp_path / "clone")
    monkeypatch.setenv("SUITE_DATA", str(own))
    command = ("sweep", "omniglot-5way-1shot-mlp/maml", "sinusoid/maml", "--seeds", "0")
    with raylets() as cluster:
        names = {
            what: cluster.add(SUITE_CACHE=str(tmp_path / what), **variables).name
            for what, variables in {
                "without data": {"SUITE_DATA": ""},
                "other data": {"SUITE_DATA": str(others)},
                "other commit": {"PYTHONPATH": with_first(tmp_path / "clone")},
                "full disk": {"PYTHONPATH": at_the_start(tmp_path / "full", FULL)},
            }.items()
        }
        process = started(tmp_path, *command, "--iterations", "2", "--ray", cluster.address)
        code, told = ended(process)
        assert code == 0, told
        lines = {
            what: [line for line in told.splitlines() if f"({name[:8]})" in line]
            for what, name in names.items()
        }
        assert "has no omniglot: it is sent there" in lines["without data"][0]
        (line,) = lines["other data"]
        assert "is left out: it has omniglot with the fingerprint" in line
        (line,) = lines["other commit"]
        assert f"is left out: it has commit {commit}, not " in line
        (line,) = lines["full disk"]
        assert "a cache that cannot be written" in line
        assert "No space left on device" in line
        records = list(Registry(tmp_path / "results").records())
        assert {each.setting for each in records} == {"omniglot-5way-1shot-mlp", "sinusoid"}
        # With other code that is allowed, records say so.
        allowed = ("--results", "allowed", "--allow-versions")
        command = ("sweep", "sinusoid/maml", "sinusoid/oracle", "--seeds", "0")
        process = started(
            tmp_path, *command, "--iterations", "2", "--ray", cluster.address, *allowed
        )
        code, told = ended(process)
        assert code == 0, told
    records = list(Registry(tmp_path / "allowed").records())
    unlike = {each.provenance.git_commit: each.provenance.unlike_sweep for each in records}
    assert unlike[commit][0].startswith(f"commit {commit}, not ")
    assert all(not found for other, found in unlike.items() if other != commit)


JOBS_GO_WRONG = """
import os, signal, sys, threading, time
arguments = getattr(sys, "orig_argv", [])
if "run" in arguments:
    if "fomaml" in arguments:
        import suite.run.supervised
        def broken(*_):
            raise ValueError("broken on purpose")
        suite.run.supervised.train = broken
    if "oracle" in arguments and not os.path.exists(os.environ["KILLED"]):
        open(os.environ["KILLED"], "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if "pretraining" in arguments:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
        time.sleep(600.0)
"""


def test_jobs_that_raise_are_killed_or_hang_stop_no_other(tmp_path):
    path = at_the_start(tmp_path / "wrong", JOBS_GO_WRONG)
    variables = {"PYTHONPATH": path, "KILLED": str(tmp_path / "killed")}
    methods = ("maml", "fomaml", "oracle", "pretraining")
    with raylets() as cluster:
        for number in range(2):
            cluster.add(SUITE_CACHE=str(tmp_path / f"machine-{number}"), **variables)
        process = started(
            tmp_path,
            *("sweep", *(f"sinusoid/{method}" for method in methods), "--seeds", "0"),
            *("--iterations", "3", "--job-timeout", "40s", "--ray", cluster.address),
        )
        code, told = ended(process)
    assert code == 1, told
    assert "again: sinusoid oracle seed 0 (exit code -9)" in told
    assert "done: sinusoid oracle seed 0" in told
    assert "sinusoid pretraining seed 0 takes longer than a job may: it is ended" in told
    assert sorted(
        line for line in told.splitlines() if line.startswith("failed: ") and line.endswith(")")
    ) == [
        "failed: sinusoid fomaml seed 0 (exit code 1)",
        "failed: sinusoid pretraining seed 0 (exit code 143)",
    ]
    records = list(Registry(tmp_path / "results").records())
    assert {(each.method, each.status, each.attempt) for each in records} == {
        ("maml", "completed", 0),
        ("oracle", "completed", 0),
        ("fomaml", "failed", 0),
        ("fomaml", "failed", 1),
    }
    assert "broken on purpose" in next(each.failure.message for each in records if each.failure)


def test_two_sweeps_of_one_plan_at_once_do_nothing_twice(tmp_path):
    runs = ("sinusoid/maml", "sinusoid/oracle", "sinusoid/fomaml")
    command = ("sweep", *runs, "--seeds", "0", "--iterations", "3", "--jobs", "1", "--json")
    with raylets() as cluster:
        for number in range(2):
            cluster.add(SUITE_CACHE=str(tmp_path / f"machine-{number}"))
        both = [started(tmp_path, *command, "--ray", cluster.address) for _ in range(2)]
        found = [ended(each) for each in both]
    assert [code for code, _ in found] == [0, 0], found
    assert "(stands already:" not in "".join(told for _, told in found)
    records = list(Registry(tmp_path / "results").records())
    assert {(each.method, each.seed, each.attempt) for each in records} == {
        (method, 0, 0) for method in ("fomaml", "maml", "oracle")
    }
    assert len({each.key for each in records}) == len(records)
    written = [line for _, told in found for line in told.splitlines() if " -> results/" in line]
    assert len(written) == len(records)


def test_a_sweep_that_is_stopped_goes_on_from_what_came_back(tmp_path):
    command = ("sweep", "sinusoid/maml", "--seeds", "0", "--iterations", "20000", "--ray")
    with raylets() as cluster:
        cluster.add(SUITE_CACHE=str(tmp_path / "machine"))
        first = started(tmp_path, *command, cluster.address)
        wait_for(lambda: runs_by_cache().get(str(tmp_path / "machine")), PATIENCE)
        told_of = tmp_path / "results" / ".sweep"
        wait_for(lambda: list(told_of.glob("*/0.json")) or first.poll() is not None, PATIENCE)
        first.send_signal(signal.SIGTERM)
        code, told = ended(first)
        assert code == 143, told
        assert "stopped by SIGTERM; to go on, give the same command again" in told
        assert list((tmp_path / "cache" / "runs").glob("*/checkpoint.pt"))
        again = started(tmp_path, *command, cluster.address)
        assert any("goes on from iteration" in line for line in again.stdout)
        again.send_signal(signal.SIGTERM)
        code, told = ended(again)
        assert code == 143, told


def test_a_cluster_of_this_machine_alone_ends_with_the_sweep(tmp_path, monkeypatch):
    # A short path, as sockets need it, that no other sweep of this machine uses.
    temporary = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(temporary))
    process = started(
        tmp_path,
        *("sweep", "sinusoid/maml", "--seeds", "0", "--iterations", "3", "--ray", "local"),
        *("--json", "--jobs", "1"),
    )
    code, told = ended(process)
    assert code == 0, told
    records = list(Registry(tmp_path / "results").records())
    commit = environment.git_state().commit
    assert {each.provenance.git_commit for each in records} == {commit}
    (home,) = temporary.glob("suite-ray-*")
    assert list(home.iterdir()) == []
    shutil.rmtree(temporary)
    assert json.loads(told.splitlines()[-1])["done"] == 1
