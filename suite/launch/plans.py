"""The reproductions that a user asks for by name, as lists of runs."""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from suite.errors import UsageError
from suite.settings import DATA_SETS, ENVIRONMENTS, SETTINGS

DEFAULT_SEEDS = (0, 1, 2, 3, 4)
SHORT_SEEDS = (0,)

QUICKSTART = "quickstart"
_QUICKSTART_SEEDS = (0, 1)
# Their short schedules: all of it takes under five minutes on two cores.
_QUICKSTART_SETTINGS = ["glyphs-5way-1shot", "sinusoid"]
_QUICKSTART_METHODS = ("maml", "fomaml", "pretraining", "oracle")

RL = "rl"
_PRINTED = {setting.config.dataset for setting in SETTINGS.values() if setting.paper}
PLANS = (
    QUICKSTART,
    *(name for name in DATA_SETS if name in _PRINTED and name not in ENVIRONMENTS),
    RL,
)
"""The quickstart, the data sets that the paper has numbers for, and all environments together."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Trainings to be run as one `suite run`."""

    setting: str
    method: str
    seeds: tuple[int, ...]
    iterations: int | None
    """None for those of the schedule."""
    short: bool = False
    """The setting's short schedule, not the paper's."""
    changes: tuple[str, ...] = ()
    """Changes of the configuration, as `--set` takes them."""
    protocols: tuple[str, ...] = ()
    """The names of protocols; none for all of the method's."""


def plan(
    name: str,
    *,
    seeds: tuple[int, ...] | None = None,
    iterations: int | None = None,
    short: bool = False,
    settings: tuple[str, ...] = (),
    methods: tuple[str, ...] = (),
) -> list[Job]:
    """The jobs of a reproduction, all methods of a seed before the next seed.

    `settings` and `methods`, where given, narrow it. A name that is not part of the plan is a
    `UsageError`.
    """
    if name == QUICKSTART:
        chosen = _QUICKSTART_SETTINGS
    elif name == RL:
        chosen = list(ENVIRONMENTS)
    elif name in PLANS:
        chosen = [each.id for each in SETTINGS.values() if each.config.dataset == name]
    else:
        raise UsageError(f"no reproduction '{name}'; there are: {', '.join(PLANS)}")
    quick = name == QUICKSTART
    wanted = _QUICKSTART_METHODS if quick else _all_methods(chosen)
    for kind, asked, known in (("setting", settings, chosen), ("method", methods, wanted)):
        for each in asked:
            if each not in known:
                raise UsageError(f"{name} has no {kind} '{each}'; it has: {', '.join(known)}")
    return [
        Job(
            setting=setting,
            method=method,
            seeds=(seed,),
            iterations=iterations,
            short=short or quick,
        )
        for seed in seeds
        or (_QUICKSTART_SEEDS if quick else SHORT_SEEDS if short else DEFAULT_SEEDS)
        for setting in chosen
        for method in SETTINGS[setting].methods
        if method in (methods or wanted) and setting in (settings or chosen)
    ]


def merged(jobs: Iterable[Job], together: Callable[[Job], bool]) -> list[Job]:
    """Join those of `jobs` for which `together` holds, and that differ in seeds only, into one."""
    found: dict[Job, tuple[int, ...]] = {}
    for job in jobs:
        key = dataclasses.replace(job, seeds=()) if together(job) else job
        found[key] = found.get(key, ()) + job.seeds
    return [dataclasses.replace(key, seeds=seeds) for key, seeds in found.items()]


def _all_methods(settings: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m for setting in settings for m in SETTINGS[setting].methods))
