"""Which jobs a reproduction has, and that they run apart, are counted and can be stopped."""

import sys
import time
from unittest.mock import MagicMock

import pytest
import torch

from suite.cli import reproduce
from suite.cli.commands import Reproduce
from suite.errors import UsageError
from suite.launch import local
from suite.launch.grouping import seed_groups, seeds_that_pay
from suite.launch.local import command, run_jobs
from suite.launch.plans import PLANS, Job, merged, plan
from suite.machine import environment
from suite.settings import ENVIRONMENTS, METHODS, SETTINGS

JOBS = [Job(setting="sinusoid", method="maml", seeds=(seed,), iterations=3) for seed in range(3)]


def test_the_quickstart_is_what_the_readme_says():
    jobs = plan("quickstart")
    sinusoid = {job.method for job in jobs if job.setting == "sinusoid"}
    glyphs = {job.method for job in jobs if job.setting == "glyphs-5way-1shot"}
    assert sinusoid == {"maml", "fomaml", "pretraining", "oracle"}
    assert glyphs == {"maml", "fomaml", "pretraining"}
    assert {seed for job in jobs for seed in job.seeds} == {0, 1}
    assert all(job.short and job.iterations is None for job in jobs)


@pytest.mark.parametrize("name", [name for name in PLANS if name != "quickstart"])
def test_a_reproduction_has_every_method_of_its_settings_on_the_papers_schedule(name):
    jobs = plan(name)
    wanted = {
        (setting.id, method, seed)
        for setting in SETTINGS.values()
        if setting.config.dataset in (ENVIRONMENTS if name == "rl" else (name,))
        for method in setting.methods
        for seed in range(5)
    }
    assert {(job.setting, job.method, *job.seeds) for job in jobs} == wanted
    assert len(jobs) == len(wanted)
    assert all(job.iterations is None and not job.short for job in jobs)
    short = plan(name, short=True)
    assert {(job.setting, job.method, 0) for job in short} <= wanted
    assert len(short) == len(wanted) / 5
    assert all(job.short for job in short)


def test_a_plan_can_be_narrowed_and_refuses_what_it_does_not_have():
    jobs = plan("omniglot", seeds=(7,), methods=("maml",), settings=("omniglot-20way-1shot",))
    assert jobs == [Job(setting="omniglot-20way-1shot", method="maml", seeds=(7,), iterations=None)]
    for wrong in ({"methods": ("oracle",)}, {"settings": ("sinusoid",)}):
        with pytest.raises(UsageError, match="omniglot has no"):
            plan("omniglot", **wrong)
    with pytest.raises(UsageError, match="quickstart"):
        plan("nothing")


def test_a_job_becomes_the_command_that_a_user_would_give():
    arguments = command(JOBS[1], ["--threads", "1"])
    assert arguments[1:] == [
        *("-m", "suite", "run", "sinusoid", "maml", "--seeds", "1", "--iterations", "3"),
        *("--threads", "1"),
    ]
    assert "--iterations" not in command(plan("sinusoid")[0], [])
    assert "--schedule" not in command(plan("sinusoid")[0], [])
    assert command(plan("sinusoid", short=True)[0], [])[-2:] == ["--schedule", "short"]
    assert {job.method for job in plan("sinusoid")} <= set(METHODS)


def _children(monkeypatch, code: str) -> None:
    monkeypatch.setattr(
        local, "command", lambda job, _: [sys.executable, "-c", code, str(job.seeds[0])]
    )


def test_lines_are_relayed_and_one_failure_stops_nothing(monkeypatch):
    _children(monkeypatch, "import sys; print('seed', sys.argv[1]); sys.exit(sys.argv[1] == '1')")
    lines: list[str] = []
    ended = dict(run_jobs(JOBS, [], at_once=2, stop=lambda: None, relay=lines.append))
    assert {job.seeds[0]: code for job, code in ended.items()} == {0: 0, 1: 1, 2: 0}
    assert sorted(lines) == ["seed 0", "seed 1", "seed 2"]


PRINTED = {
    b"1 \xc2\xb1 2": "1 ± 2",
    b"caf\xe9 \xff\xfe": "caf� ��",
    "1 ± 2".encode("utf-16"): None,
    b"\x80" * 9000 + b"\0\x1b[1m": None,
    b"": None,
}


@pytest.mark.parametrize("printed", PRINTED, ids=lambda printed: repr(printed[:12]))
def test_whatever_bytes_a_child_prints_the_others_go_on(monkeypatch, printed):
    _children(
        monkeypatch,
        f"import os, sys; os.write(1, {printed!r}); os.write(2, {printed!r} + b'\\n')\n"
        "print('seed', sys.argv[1])",
    )
    lines: list[str] = []
    ended = dict(run_jobs(JOBS, [], at_once=2, stop=lambda: None, relay=lines.append))
    assert set(ended.values()) == {0}
    assert {f"seed {seed}" for seed in range(3)} <= set(lines)
    if text := PRINTED[printed]:
        assert lines.count(text + text) == 3


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_children_print_utf_8_whatever_the_parent_prints(monkeypatch, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("LC_ALL", "C")
    _children(monkeypatch, "print('1 \\xb1 2')")
    lines: list[str] = []
    ended = dict(run_jobs(JOBS[:1], [], at_once=1, stop=lambda: None, relay=lines.append))
    assert (list(ended.values()), lines) == ([0], ["1 ± 2"])


def test_a_stop_reaches_running_jobs_and_starts_no_more(monkeypatch):
    _children(
        monkeypatch,
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "print('up', flush=True); time.sleep(60)",
    )
    lines: list[str] = []
    began = time.monotonic()
    stop = lambda: "enough" if lines else None  # noqa: E731
    ended = dict(run_jobs(JOBS, [], at_once=1, stop=stop, relay=lines.append))
    assert time.monotonic() - began < 30
    assert {job.seeds[0]: code for job, code in ended.items()} == {0: 143, 1: None, 2: None}


def test_seeds_that_train_together_are_one_job():
    jobs = merged(plan("quickstart"), lambda job: job.setting == "sinusoid")
    sinusoid = [job for job in jobs if job.setting == "sinusoid"]
    assert {job.seeds for job in sinusoid} == {(0, 1)}
    assert len(sinusoid) == 4
    assert {job.seeds for job in jobs if job not in sinusoid} == {(0,), (1,)}
    assert command(sinusoid[0], [])[6:9] == ["--seeds", "0", "1"]


@pytest.mark.parametrize(
    ("count", "at_most", "sizes"), [(5, 2, [2, 2, 1]), (5, 9, [5]), (4, 3, [2, 2]), (3, 1, [1] * 3)]
)
def test_groups_of_seeds_are_nearly_equal_and_in_order(count, at_most, sizes):
    groups = seed_groups(tuple(range(count)), at_most)
    assert sorted((len(group) for group in groups), reverse=True) == sizes
    assert [seed for group in groups for seed in group] == list(range(count))


def test_what_pays_together():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    sinusoid, omniglot = (SETTINGS[name].config for name in ("sinusoid", "omniglot-5way-1shot"))
    assert seeds_that_pay(sinusoid, cpu) is None
    assert seeds_that_pay(omniglot, cpu) == 1
    assert seeds_that_pay(omniglot, gpu) is None


@pytest.mark.parametrize(
    ("gpu", "name", "at_once", "threads"),
    [
        (False, "rl", 16, ["--threads", "1"]),
        (False, "omniglot", 16, ["--threads", "1"]),
        (True, "omniglot", 1, []),
        (True, "rl", 8, ["--threads", "2"]),
    ],
)
def test_how_many_runs_at_a_time(monkeypatch, tmp_path, gpu, name, at_once, threads):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(environment, "cores", lambda: 16)
    monkeypatch.setattr(reproduce, "load_image_data", lambda *_, **__: None)
    monkeypatch.setattr(reproduce, "limits_of", MagicMock())
    monkeypatch.setattr(
        reproduce, "run_all", lambda jobs, options, count, limits: asked.append((options, count))
    )
    reproduce.reproduce_command(Reproduce(name=name, results=tmp_path))
    assert asked == [(["--results", str(tmp_path), *threads], at_once)]


@pytest.mark.parametrize(("reason", "expected"), [(None, 1), ("stopped by SIGTERM", 143)])
def test_a_run_that_somebody_else_stops_is_missing(monkeypatch, capsys, reason, expected):
    ended = [(JOBS[0], 0), (JOBS[1], 143)]
    monkeypatch.setattr(reproduce, "run_jobs", lambda *_, **__: iter(ended))
    limits = MagicMock(reason=lambda: reason, exit_code=lambda: 143)
    assert reproduce.run_all(JOBS, [], 1, limits) == expected
    told = capsys.readouterr().out
    assert ("failed: sinusoid maml seed 1 (exit code 143)" in told) == (reason is None)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((0, 0), 0), ((0, 2), 2), ((2, 2), 2), ((1, 2), 1), ((0, -9), 1), ((70, 2), 70)],
)
def test_the_exit_code_is_that_of_the_runs(monkeypatch, codes, expected):
    ended = list(zip(JOBS, codes, strict=False))
    monkeypatch.setattr(reproduce, "run_jobs", lambda *_, **__: iter(ended))
    limits = MagicMock(reason=lambda: None)
    assert reproduce.run_all(JOBS, [], 1, limits) == expected
