"""The plan of a sweep, as it is printed."""

import math
from collections import Counter, defaultdict

import msgspec
from rich.table import Table

from suite.cli.consoles import console_of
from suite.launch.planned import Planned
from suite.launch.plans import Job
from suite.launch.wanted import wanted

_PIPED_WIDTH = 120


def plan_as_json(planned: Planned, device: str, at_once: int) -> str:
    """The plan for a program; hours are null where no record tells."""
    content = {
        "device": device,
        "at_once": at_once,
        "standing": planned.standing,
        "left": [
            {"job": job, "iterations": wanted(job).schedule.iterations, "hours": _hours(seconds)}
            for job, seconds in planned.seconds.items()
        ],
        "hours": _hours(planned.known_seconds),
        "unknown": planned.unknown,
    }
    return msgspec.json.encode(content).decode()


def print_plan(planned: Planned, device: str, at_once: int) -> None:
    """Print what stands, what is left, and what that takes on a device of that name."""
    console = console_of(_PIPED_WIDTH)
    table = Table()
    for heading in ("setting", "method", "stand", "left: seeds"):
        table.add_column(heading)
    for heading in ("iterations", "hours each", "hours"):
        table.add_column(heading, justify="right")
    standing = Counter((job.setting, job.method) for job in planned.standing)
    left: dict[tuple[str, str], list[Job]] = defaultdict(list)
    for job in planned.left:
        left[job.setting, job.method].append(job)
    for cell in dict.fromkeys([*left, *standing]):
        table.add_row(*cell, str(standing[cell] or "-"), *_cells(planned, left[cell]))
    console.print(table)
    unknown = f", and {planned.unknown} of which no record tells (?)" if planned.unknown else ""
    console.print(
        f"{len(planned.standing)} runs stand; {len(planned.left)} are left, {at_once} at a time: "
        f"about {planned.known_seconds / 3_600:.1f} device hours by the speeds of the registry's "
        f"records on a device like this one ({device}){unknown}",
        markup=False,
        soft_wrap=True,
    )


def _cells(planned: Planned, jobs: list[Job]) -> tuple[str, ...]:
    """What is left of a setting and method."""
    if not jobs:
        return ("-", "", "", "")
    seconds = [planned.seconds[job] for job in jobs]
    known = [each for each in seconds if each is not None]
    unknown = len(known) < len(seconds)
    return (
        " ".join(str(seed) for job in jobs for seed in job.seeds),
        f"{wanted(jobs[0]).schedule.iterations:,}",
        "?" if unknown else f"{max(known) / 3_600:.2f}",
        "?" if unknown else f"{math.fsum(known) / 3_600:.2f}",
    )


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3_600, 3)
