"""`suite reproduce`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from suite.cli import EXIT_FAULT
from suite.cli.checks import at_least_one, seeds_from_zero
from suite.cli.limits import Limits, seconds, stopped
from suite.cli.progress import over
from suite.data.images import load_image_data
from suite.errors import Stopped, UsageError
from suite.launch.grouping import seeds_that_pay
from suite.launch.local import Relay, run_jobs
from suite.launch.plans import Job, merged, plan
from suite.machine import environment
from suite.settings import ENVIRONMENTS, SETTINGS


def reproduce_command(
    *,
    name: str,
    seeds: tuple[int, ...],
    short: bool,
    iterations: int | None,
    settings: tuple[str, ...],
    methods: tuple[str, ...],
    data: Path | None,
    results: Path,
    jobs_at_once: int | None,
    time_limit: str | None,
) -> int:
    """See `suite.cli.commands.reproduce`; the exit code."""
    limits = Limits(None if time_limit is None else seconds(time_limit))
    seeds_from_zero(seeds)
    at_least_one("iterations", iterations)
    at_least_one("jobs", jobs_at_once)
    jobs = plan(
        name,
        seeds=seeds or None,
        iterations=iterations,
        short=short,
        settings=settings,
        methods=methods,
    )
    device = environment.choose_device("auto")
    jobs = merged(jobs, lambda job: seeds_that_pay(SETTINGS[job.setting].config, device) is None)
    policies = all(job.setting in ENVIRONMENTS for job in jobs)
    at_once = jobs_at_once or _at_once(policies)
    # Here and not in each job: a missing data set is told once, and decoded once.
    settings_run = (SETTINGS[job.setting] for job in jobs)
    limits.listen()
    try:
        with limits.at_once():
            for dataset in dict.fromkeys(
                each.config.dataset
                for each in settings_run
                if each.config.problem == "classification"
            ):
                load_image_data(dataset, root=data, progress=over)
    except Stopped:
        return stopped(limits)
    options = ["--results", str(results)]
    options += [] if data is None else ["--data", str(data)]
    if policies or not torch.cuda.is_available():
        options += ["--threads", str(_threads(at_once))]
    environment.git_state()
    return run_all(jobs, options, at_once, limits)


def run_all(jobs: list[Job], options: list[str], at_once: int, limits: Limits) -> int:
    """Run the jobs, `at_once` at a time, with what they print and a bar; the exit code."""
    failed: list[str] = []
    codes: set[int] = set()
    with _progress(len(jobs)) as (relay, advance):
        relay(f"{len(jobs)} runs, {at_once} at a time")
        for job, code in run_jobs(jobs, options, at_once=at_once, stop=limits.reason, relay=relay):
            advance()
            # What ends a run from outside counts as stopped only where all of them were stopped.
            if code not in (None, 0) and not (code in (130, 143) and limits.reason()):
                codes.add(code)
                seeds = " ".join(map(str, job.seeds))
                failed.append(f"{job.setting} {job.method} seed {seeds} (exit code {code})")
    if limits.reason():
        print(f"{limits.reason()}; to go on, give the same command again")
        return limits.exit_code()
    for each in failed:
        print(f"failed: {each}")
    return _worst(codes)


def _worst(codes: set[int]) -> int:
    """The exit code of runs that ended with these, none of them with 0: that of the table."""
    if EXIT_FAULT in codes:
        return EXIT_FAULT
    if codes == {UsageError.exit_code}:
        return UsageError.exit_code
    return 1 if codes else 0


def _at_once(policies: bool) -> int:
    """One training fills a GPU, but policies act on the CPU for most of an iteration."""
    if not torch.cuda.is_available():
        return environment.cores()
    return max(1, environment.cores() // 2) if policies else 1


def _threads(at_once: int) -> int:
    return max(1, environment.cores() // at_once)


@contextmanager
def _progress(total: int) -> Iterator[tuple[Relay, Callable[[], None]]]:
    """What prints a line, and what counts a run as done; a bar on a terminal."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("runs", total=total)
        yield (
            lambda line: console.print(line, markup=False),
            lambda: bar.advance(task),
        )
