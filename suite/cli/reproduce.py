"""`suite reproduce`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from suite.cli import EXIT_FAULT
from suite.cli.checks import at_least_one, seeds_from_zero
from suite.cli.commands import Reproduce
from suite.cli.limits import Limits, limited, limits_of
from suite.cli.options import joined
from suite.cli.progress import over
from suite.data.images import load_image_data
from suite.errors import UsageError
from suite.launch.grouping import seeds_that_pay
from suite.launch.local import Relay, run_jobs
from suite.launch.plans import Job, merged, plan
from suite.machine import environment
from suite.settings import ENVIRONMENTS, SETTINGS


def reproduce_command(options: Reproduce) -> int:
    """See `Reproduce`; the exit code."""
    limits = limits_of(options.time_limit)
    return limited(limits, lambda: _reproduce(options, limits))


def _reproduce(options: Reproduce, limits: Limits) -> int:
    seeds = joined(options.seeds)
    seeds_from_zero(seeds)
    at_least_one("iterations", options.iterations)
    at_least_one("jobs", options.jobs)
    jobs = plan(
        options.name,
        seeds=seeds or None,
        iterations=options.iterations,
        short=options.schedule == "short",
        settings=joined(options.settings),
        methods=joined(options.methods),
    )
    device = environment.choose_device("auto")
    jobs = merged(jobs, lambda job: seeds_that_pay(SETTINGS[job.setting].config, device) is None)
    policies = all(job.setting in ENVIRONMENTS for job in jobs)
    at_once = options.jobs or _at_once(policies)
    # Here and not in each job: a missing data set is named once, and decoded once.
    settings_run = (SETTINGS[job.setting] for job in jobs)
    limits.listen()
    with limits.at_once():
        for dataset in dict.fromkeys(
            each.config.dataset for each in settings_run if each.config.problem == "classification"
        ):
            load_image_data(dataset, root=options.data, progress=over)
    passed = ["--results", str(options.results)]
    passed += [] if options.data is None else ["--data", str(options.data)]
    if policies or not torch.cuda.is_available():
        passed += ["--threads", str(_threads(at_once))]
    environment.git_state()
    return run_all(jobs, passed, at_once, limits)


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
