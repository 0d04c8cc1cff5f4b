"""`suite sweep` and `suite reproduce`, and the runs of `suite check`."""

import logging
import math
import os
import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from suite.cli import EXIT_FAULT
from suite.cli.board import how_far, watched
from suite.cli.checks import at_least_one, seeds_from_zero
from suite.cli.commands import Sweep
from suite.cli.limits import EXIT_TIME_LIMIT, Limits, limited, limits_of, seconds
from suite.cli.machines import machines_of, require_sense
from suite.cli.options import joined
from suite.cli.plan import plan_as_json, print_plan
from suite.cli.progress import over
from suite.data.images import load_image_data
from suite.errors import DataError, UsageError
from suite.launch.board import Board, Entry, board_folder, progress_path, save
from suite.launch.estimate import Speeds
from suite.launch.machines import Machines
from suite.launch.planned import held_to
from suite.launch.plans import MISSING, PLANS, Job, plan
from suite.launch.sweep import Event, conduct
from suite.launch.terms import Shared, Terms
from suite.machine import environment
from suite.registry import Record, Registry
from suite.registry.compact import compact
from suite.settings import DATA_SETS

log = logging.getLogger(__name__)


def sweep_command(options: Sweep) -> int:
    """See `Sweep`; the exit code."""
    limits = limits_of(options.time_limit)
    return limited(limits, lambda: _sweep(options, limits))


def _sweep(options: Sweep, limits: Limits) -> int:
    if not options.plans:
        raise UsageError(f"name a plan: {', '.join(PLANS)}, or SETTING/METHOD")
    seeds_from_zero(joined(options.seeds))
    at_least_one("iterations", options.iterations)
    at_least_one("jobs", options.jobs)
    timeout = None if options.job_timeout is None else seconds(options.job_timeout)
    require_sense(options)
    budget = None if options.budget_hours is None else 3_600 * options.budget_hours
    if budget is not None and not 0 <= budget < math.inf:
        raise UsageError(f"--budget-hours {options.budget_hours}: name hours from 0 on")
    limits.listen()
    with limits.at_once():
        registry = Registry(options.results, lenient=True)
        records = [compact(record) for record in registry.records()]
        jobs = plan(
            options.plans,
            seeds=joined(options.seeds) or None,
            iterations=options.iterations,
            short=options.schedule == "short",
            settings=joined(options.settings),
            methods=joined(options.methods),
            missing=_missing(records) if MISSING in options.plans else (),
        )
        fingerprints, absent = ({}, {}) if options.dry_run else _data(jobs, options.data)
    with machines_of(options, registry, fingerprints, timeout, limits) as machines:
        with limits.at_once():
            auto = "cheapest" if options.plans == (MISSING,) else "seeds"
            planned = held_to(
                [job for job in jobs if job.dataset not in absent],
                records,
                device=machines.device,
                fingerprints=fingerprints,
                cheapest=(auto if options.order == "auto" else options.order) == "cheapest",
                speeds=Speeds(records, machines.device_name),
            )
        at_once = machines.at_once(planned.left)
        if options.json:
            print(plan_as_json(planned, machines.device_name, at_once))
        else:
            print_plan(planned, machines.device_name, at_once)
        if options.dry_run:
            return 0
        environment.git_state()
        return run_all(
            planned.left,
            machines,
            options.results,
            limits,
            " ".join(options.plans),
            takes=planned.seconds,
            terms=Shared(registry, fingerprints, planned.speeds, budget),
            without_data=[job for job in jobs if job.dataset in absent],
            as_json=options.json,
        )


def _missing(records: Iterable[Record]) -> list[Job]:
    """What the published numbers lack."""
    # Not above: verdicts need statistics, which take a second to be imported.
    from suite.launch.missing import unjudged_jobs
    from suite.report.cells import collect
    from suite.report.verdicts import judged

    return unjudged_jobs(judged(collect(records).cells))


def _data(jobs: Sequence[Job], data: Path | None) -> tuple[dict[str, str], dict[str, str]]:
    """The fingerprints of the data sets of `jobs`, and of those that are not here why.

    Here and not in each job: what is missing is named once, and the rest is decoded once. Raises
    `DataError` where there is nothing to run without what is missing.
    """
    found, absent = {}, {}
    for name in dict.fromkeys(job.dataset for job in jobs):
        if DATA_SETS[name].loader is not None:
            try:
                found[name] = load_image_data(name, root=data, progress=over).fingerprint
            except DataError as error:
                if all(job.dataset == name for job in jobs):
                    raise
                absent[name] = str(error)
                log.error("%s; its runs are left out", error)
    return found, absent


def run_all(
    jobs: Sequence[Job],
    machines: Machines,
    results: Path,
    limits: Limits,
    title: str,
    *,
    takes: Mapping[Job, float | None] | None = None,
    terms: Terms | None = None,
    without_data: Sequence[Job] = (),
    as_json: bool = False,
) -> int:
    """Run `jobs` on `machines`; the exit code.

    `takes` are the seconds of each. What was left since its data is not here has failed.
    """
    at_once = machines.at_once(jobs)
    board = Board(
        plan=title,
        host=socket.gethostname(),
        pid=os.getpid(),
        began=time.time(),
        at_once=at_once,
        entries=[
            Entry(
                setting=job.setting,
                method=job.method,
                seeds=job.seeds,
                estimate=(takes or {}).get(job),
            )
            for job in jobs
        ],
    )
    numbers = {job: number for number, job in enumerate(jobs)}
    failed = dict.fromkeys(without_data, DataError.exit_code)
    left = 0
    with board_folder(results) as folder, watched(folder, board) as relay:
        workers = machines.workers(jobs, folder, relay)
        relay(f"{len(jobs)} runs, {at_once} at a time")
        events = conduct(
            jobs,
            workers,
            terms or Terms(),
            stop=limits.reason,
            progress=lambda job: progress_path(folder, numbers[job]),
        )
        save(folder, board)
        for event in events:
            entry = board.entries[numbers[event.job]]
            _note(entry, event)
            save(folder, board)
            left += event.what == "left"
            if event.what == "failed":
                assert event.code is not None
                failed[event.job] = event.code
            if event.what != "left" or entry.began is not None:
                relay(_line(event, board))
    code = _exit_code(set(failed.values()), left, limits)
    done = sum(entry.state == "done" for entry in board.entries)
    if as_json:
        codes = [{"job": job, "exit_code": code} for job, code in failed.items()]
        content = {"done": done, "failed": codes, "left": left, "reason": limits.reason()}
        print(msgspec.json.encode(content | {"exit_code": code}).decode())
        return code
    for name, count in Counter(job.dataset for job in without_data).items():
        print(f"failed: all runs of {name}, {count}: its data is not here, see suite data {name}")
    for job, of_job in failed.items():
        if job in numbers:
            print(f"failed: {job.name} (exit code {of_job})")
    if left:
        reason = limits.reason() or f"{left} runs are beyond the budget"
        print(f"{reason}; to go on, give the same command again")
    return code


def _note(entry: Entry, event: Event) -> None:
    """Let the board say it."""
    entry.state = "waiting" if event.what == "again" else event.what
    if event.what == "running":
        entry.began = time.time()


def _line(event: Event, board: Board) -> str:
    code = "" if event.code is None else f" (exit code {event.code})"
    what = {"running": "started", "again": "to be tried again"}.get(event.what, event.what)
    return f"{what}: {event.job.name}{code}; {how_far(board, time.time())}"


def _exit_code(codes: set[int], left: int, limits: Limits) -> int:
    """That of a sweep which has `left` jobs, and others that ended with these `codes`, not 0."""
    if left:
        return limits.exit_code() if limits.reason() else EXIT_TIME_LIMIT
    if EXIT_FAULT in codes:
        return EXIT_FAULT
    if codes == {UsageError.exit_code}:
        return UsageError.exit_code
    return 1 if codes else 0
