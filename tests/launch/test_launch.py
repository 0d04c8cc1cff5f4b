"""Which jobs a plan has, and that they run apart, are counted and can be stopped."""

import sys
import time
from unittest.mock import MagicMock

import pytest
import torch

from suite.cli import sweep
from suite.errors import UsageError
from suite.launch import child
from suite.launch.child import command
from suite.launch.grouping import seed_groups, seeds_that_pay
from suite.launch.local import Local
from suite.launch.machines import Here
from suite.launch.plans import MISSING, PLANS, Job, merged, plan
from suite.launch.slots import Slot
from suite.launch.sweep import Event, conduct
from suite.launch.terms import Terms
from suite.launch.wanted import wanted
from suite.settings import ENVIRONMENTS, METHODS, SETTINGS
from suite.settings.datasets import IMAGE_SHAPE
from suite.settings.rivals import RIVALS

JOBS = [Job(setting="sinusoid", method="maml", seeds=(seed,), iterations=3) for seed in range(3)]
PRINTED = {setting.config.dataset for setting in SETTINGS.values() if setting.paper}
DATASETS = {
    "paper": PRINTED,
    "rivals": PRINTED,
    "table1": PRINTED & set(IMAGE_SHAPE),
    "rl": set(ENVIRONMENTS),
}


def test_the_quickstart_is_what_the_readme_says():
    jobs = plan(["quickstart"])
    sinusoid = {job.method for job in jobs if job.setting == "sinusoid"}
    glyphs = {job.method for job in jobs if job.setting == "glyphs-5way-1shot"}
    assert sinusoid == {"maml", "fomaml", "pretraining", "oracle"}
    assert glyphs == {"maml", "fomaml", "pretraining"}
    assert {seed for job in jobs for seed in job.seeds} == {0, 1}
    assert all(job.short and job.iterations is None for job in jobs)


@pytest.mark.parametrize("name", [name for name in PLANS if name not in ("quickstart", MISSING)])
def test_a_plan_has_every_method_of_its_settings_on_the_papers_schedule(name):
    jobs = plan([name])
    wanted = {
        (setting.id, method, seed)
        for setting in SETTINGS.values()
        if setting.config.dataset in DATASETS.get(name, {name})
        for method in setting.methods
        if name != "rivals" or method in RIVALS
        for seed in range(5)
    }
    assert {(job.setting, job.method, *job.seeds) for job in jobs} == wanted
    assert len(jobs) == len(wanted)
    assert all(job.iterations is None and not job.short for job in jobs)
    assert [job.seeds for job in jobs] == sorted(job.seeds for job in jobs)
    short = plan([name], short=True)
    assert {(job.setting, job.method, 0) for job in short} <= wanted
    assert len(short) == len(wanted) / 5
    assert all(job.short for job in short)


def test_every_run_of_the_paper_can_be_carried_out():
    for job in plan(["paper", "quickstart"], seeds=(0,)):
        assert wanted(job).protocols


def test_a_plan_can_be_narrowed_and_refuses_what_it_does_not_have():
    jobs = plan(["omniglot"], seeds=(7,), methods=("maml",), settings=("omniglot-20way-1shot",))
    assert jobs == [Job(setting="omniglot-20way-1shot", method="maml", seeds=(7,), iterations=None)]
    for wrong in ({"methods": ("oracle",)}, {"settings": ("sinusoid",)}):
        with pytest.raises(UsageError, match="omniglot has no"):
            plan(["omniglot"], **wrong)
    with pytest.raises(UsageError, match="no plan 'nothing'; there are: quickstart, paper, table1"):
        plan(["nothing"])


def test_a_pair_is_a_plan_and_plans_are_joined_seed_by_seed():
    jobs = plan(["sinusoid/oracle", "glyphs-5way-1shot/maml", "sinusoid/oracle"], seeds=(0, 1))
    assert [(job.setting, job.method, *job.seeds) for job in jobs] == [
        ("sinusoid", "oracle", 0),
        ("glyphs-5way-1shot", "maml", 0),
        ("sinusoid", "oracle", 1),
        ("glyphs-5way-1shot", "maml", 1),
    ]
    for name in ("sinusoid/mann", "sinusoid/nothing", "sinusoid/"):
        with pytest.raises(UsageError, match="sinusoid has no method"):
            plan([name])
    with pytest.raises(UsageError, match="no setting 'nothing'"):
        plan(["nothing/maml"])


def test_what_is_missing_is_a_plan_of_its_own_seeds():
    lacking = [
        Job(setting="sinusoid", method="maml", seeds=(1, 3), iterations=None),
        Job(setting="ant-direction", method="maml", seeds=(0,), iterations=None),
    ]
    jobs = plan([MISSING], missing=lacking)
    assert [(job.method, job.seeds) for job in jobs] == [
        ("maml", (0,)),
        ("maml", (1,)),
        ("maml", (3,)),
    ]
    assert [job.seeds for job in plan([MISSING], missing=lacking, seeds=(3, 4))] == [(3,)]
    with pytest.raises(UsageError, match="missing has the paper's schedules"):
        plan([MISSING], missing=lacking, short=True)


def test_a_job_becomes_the_command_that_a_user_would_give():
    arguments = command(JOBS[1], ["--threads", "1"])
    assert arguments[1:] == [
        *("-m", "suite", "run", "sinusoid", "maml", "--seeds", "1", "--iterations", "3"),
        *("--threads", "1"),
    ]
    assert "--iterations" not in command(plan(["sinusoid"])[0], [])
    assert "--schedule" not in command(plan(["sinusoid"])[0], [])
    assert command(plan(["sinusoid"], short=True)[0], [])[-2:] == ["--schedule", "short"]
    assert {job.method for job in plan(["sinusoid"])} <= set(METHODS)


def _children(monkeypatch, code: str) -> None:
    monkeypatch.setattr(
        child, "command", lambda job, _: [sys.executable, "-c", code, str(job.seeds[0])]
    )


def _conducted(jobs, at_once, lines, stop=lambda: None, timeout=None) -> list[Event]:
    workers = Local([Slot(threads=1)] * at_once, [], lines.append, timeout)
    return list(conduct(jobs, workers, Terms(), stop=stop))


def _ends(events: list[Event]) -> dict[int, tuple[str, int | None]]:
    """By seed: how it ended."""
    return {event.job.seeds[0]: event[1:] for event in events}


def test_lines_are_relayed_and_a_failure_is_tried_again_and_stops_nothing(monkeypatch):
    _children(monkeypatch, "import sys; print('seed', sys.argv[1]); sys.exit(sys.argv[1] == '1')")
    lines: list[str] = []
    events = _conducted(JOBS, 1, lines)
    assert _ends(events) == {0: ("done", None), 1: ("failed", 1), 2: ("done", None)}
    assert lines == ["seed 0", "seed 1", "seed 2", "seed 1"]
    assert [(event.job.seeds[0], event.what) for event in events] == [
        *((0, "running"), (0, "done"), (1, "running"), (1, "again"), (2, "running"), (2, "done")),
        *((1, "running"), (1, "failed")),
    ]


def test_a_failure_that_does_not_come_again_is_made_good(monkeypatch, tmp_path):
    _children(
        monkeypatch,
        "import os, pathlib, sys\n"
        f"mark = pathlib.Path({str(tmp_path / 'mark')!r})\n"
        "if not mark.exists():\n"
        "    mark.touch(); os.kill(os.getpid(), 9)\n",
    )
    events = _conducted(JOBS[:1], 1, [])
    assert [event[1:] for event in events] == [
        *(("running", None), ("again", -9), ("running", None), ("done", None)),
    ]


PRINTS = {
    b"1 \xc2\xb1 2": "1 ± 2",
    b"caf\xe9 \xff\xfe": "caf� ��",
    "1 ± 2".encode("utf-16"): None,
    b"\x80" * 9000 + b"\0\x1b[1m": None,
    b"": None,
}


@pytest.mark.parametrize("printed", PRINTS, ids=lambda printed: repr(printed[:12]))
def test_whatever_bytes_a_child_prints_the_others_go_on(monkeypatch, printed):
    _children(
        monkeypatch,
        f"import os, sys; os.write(1, {printed!r}); os.write(2, {printed!r} + b'\\n')\n"
        "print('seed', sys.argv[1])",
    )
    lines: list[str] = []
    events = _conducted(JOBS, 2, lines)
    assert set(_ends(events).values()) == {("done", None)}
    assert {f"seed {seed}" for seed in range(3)} <= set(lines)
    if text := PRINTS[printed]:
        assert lines.count(text + text) == 3


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_children_print_utf_8_whatever_the_parent_prints(monkeypatch, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("LC_ALL", "C")
    _children(monkeypatch, "print('1 \\xb1 2')")
    lines: list[str] = []
    assert _ends(_conducted(JOBS[:1], 1, lines)) == {0: ("done", None)}
    assert lines == ["1 ± 2"]


UNTIL_STOPPED = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
    "print('up', flush=True); time.sleep(60)"
)


@pytest.mark.parametrize(
    "code",
    [
        UNTIL_STOPPED,
        UNTIL_STOPPED.replace("143", "129"),
        "import time; print('up', flush=True); time.sleep(60)",
    ],
    ids=["stopped", "stopped by a hang-up before", "not listening yet"],
)
def test_a_stop_reaches_running_jobs_and_starts_no_more(monkeypatch, code):
    _children(monkeypatch, code)
    lines: list[str] = []
    began = time.monotonic()
    events = _conducted(JOBS, 1, lines, stop=lambda: "enough" if lines else None)
    assert time.monotonic() - began < 30
    assert set(_ends(events).values()) == {("left", None)}
    assert len(events) == 4


@pytest.mark.parametrize(("code", "expected"), [(UNTIL_STOPPED, 143), ("", -9)])
def test_a_job_that_takes_too_long_is_ended(monkeypatch, code, expected):
    """One that heeds a signal, and one that does not."""
    monkeypatch.setattr(child, "_GRACE_SECONDS", 1.0)
    stuck = "import signal, time; signal.signal(15, lambda *_: None)\nwhile 1: time.sleep(60)"
    _children(monkeypatch, code or stuck)
    lines: list[str] = []
    events = _conducted(JOBS[:1], 1, lines, timeout=0.5)
    assert _ends(events) == {0: ("failed", expected)}
    assert lines.count("sinusoid maml seed 0 takes longer than a job may: it is ended") == 2


def test_seeds_that_train_together_are_one_job():
    jobs = merged(plan(["quickstart"]), lambda job: job.setting == "sinusoid")
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


def _all_run(monkeypatch, tmp_path, events, reason=None) -> int:
    monkeypatch.setattr(sweep, "conduct", lambda *_, **__: iter(events))
    limits = MagicMock(reason=lambda: reason, exit_code=lambda: 143)
    here = Here(options=[], slots=[Slot(threads=1)])
    return sweep.run_all(JOBS, here, tmp_path, limits, "jobs")


def _ended(codes) -> list[Event]:
    """What a sweep tells of jobs that end with these exit codes; None is left."""
    return [
        Event(job, "left" if code is None else "failed" if code else "done", code or None)
        for job, code in zip(JOBS, codes, strict=False)
    ]


def test_a_run_that_somebody_else_stops_has_failed(monkeypatch, capsys, tmp_path):
    assert _all_run(monkeypatch, tmp_path, _ended((0, 143))) == 1
    assert capsys.readouterr().out == "failed: sinusoid maml seed 1 (exit code 143)\n"


def test_what_a_stop_or_a_budget_leaves_is_told(monkeypatch, capsys, tmp_path):
    assert _all_run(monkeypatch, tmp_path, _ended((0, None)), "stopped by SIGTERM") == 143
    out, err = capsys.readouterr()
    assert out == "stopped by SIGTERM; to go on, give the same command again\n"
    assert "left: " not in err  # what was not started needs no line of its own
    assert _all_run(monkeypatch, tmp_path, _ended((1, None, None))) == 3
    assert capsys.readouterr().out.splitlines() == [
        "failed: sinusoid maml seed 0 (exit code 1)",
        "2 runs are beyond the budget; to go on, give the same command again",
    ]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((0, 0), 0), ((0, 2), 2), ((2, 2), 2), ((1, 2), 1), ((0, -9), 1), ((70, 2), 70)],
)
def test_the_exit_code_is_that_of_the_runs(monkeypatch, tmp_path, codes, expected):
    assert _all_run(monkeypatch, tmp_path, _ended(codes)) == expected
