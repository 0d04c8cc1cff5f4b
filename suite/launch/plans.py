"""The plans that a user names, as lists of jobs."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from suite.errors import UsageError
from suite.settings import DATA_SETS, ENVIRONMENTS, METHODS, SETTINGS, get_setting
from suite.settings.datasets import IMAGE_SHAPE
from suite.settings.rivals import RIVALS

DEFAULT_SEEDS = (0, 1, 2, 3, 4)
SHORT_SEEDS = (0,)

QUICKSTART = "quickstart"
_QUICKSTART_SEEDS = (0, 1)
# Their short schedules: all of it takes under five minutes on two cores.
_QUICKSTART_SETTINGS = ("glyphs-5way-1shot", "sinusoid")
_QUICKSTART_METHODS: tuple[str, ...] = ("maml", "fomaml", "pretraining", "oracle")

THE_RIVALS = "rivals"
MISSING = "missing"
_PRINTED = {setting.config.dataset for setting in SETTINGS.values() if setting.paper}
_PARTS: dict[str, tuple[str, ...]] = {
    "paper": tuple(name for name in DATA_SETS if name in _PRINTED),
    "table1": tuple(name for name in IMAGE_SHAPE if name in _PRINTED),
    **{name: (name,) for name in DATA_SETS if name in _PRINTED and name not in ENVIRONMENTS},
    "rl": ENVIRONMENTS,
    THE_RIVALS: tuple(name for name in DATA_SETS if name in _PRINTED),
}
"""Plan to the data sets of its settings."""
PLANS = (QUICKSTART, *_PARTS, MISSING)


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

    @property
    def dataset(self) -> str:
        """That of its setting."""
        return SETTINGS[self.setting].config.dataset

    @property
    def name(self) -> str:
        """What a user is told of it."""
        plural = "seed" if len(self.seeds) == 1 else "seeds"
        return f"{self.setting} {self.method} {plural} {' '.join(map(str, self.seeds))}"


def plan(
    names: Sequence[str],
    *,
    seeds: tuple[int, ...] | None = None,
    iterations: int | None = None,
    short: bool = False,
    settings: tuple[str, ...] = (),
    methods: tuple[str, ...] = (),
    missing: Iterable[Job] = (),
) -> list[Job]:
    """The jobs of all these plans, one a seed, all methods of a seed before the next seed.

    A name is one of `PLANS` or SETTING/METHOD. `settings` and `methods`, where given, narrow them.
    `missing` is what the plan of that name has. A name that is not part of them is a `UsageError`.
    """
    jobs: list[Job] = []
    for name in names:
        if name == MISSING:
            if short or iterations is not None:
                raise UsageError("missing has the paper's schedules: leave their options out")
            jobs += [job for job in apart(missing) if job.seeds[0] in (seeds or job.seeds)]
            continue
        quick = name == QUICKSTART
        usual = _QUICKSTART_SEEDS if quick else SHORT_SEEDS if short else DEFAULT_SEEDS
        jobs += [
            Job(
                setting=setting,
                method=method,
                seeds=(seed,),
                iterations=iterations,
                short=short or quick,
            )
            for seed in seeds or usual
            for setting, method in _cells(name)
        ]
    _require("setting", settings, [job.setting for job in jobs], names)
    _require("method", methods, [job.method for job in jobs], names)
    chosen = [
        job
        for job in dict.fromkeys(jobs)
        if job.setting in (settings or [job.setting]) and job.method in (methods or [job.method])
    ]
    return sorted(chosen, key=lambda job: job.seeds)


def _cells(name: str) -> list[tuple[str, str]]:
    """The settings of a plan, each with its methods."""
    setting_id, slash, method = name.partition("/")
    if slash:
        setting = get_setting(setting_id)
        if method not in METHODS or METHODS[method].class_for(setting.problem) is None:
            raise UsageError(f"{setting_id} has no method '{method}'; see: suite list {setting_id}")
        return [(setting_id, method)]
    if name == QUICKSTART:
        settings = [SETTINGS[each] for each in _QUICKSTART_SETTINGS]
        methods = _QUICKSTART_METHODS
    elif name in _PARTS:
        settings = [each for each in SETTINGS.values() if each.config.dataset in _PARTS[name]]
        methods = tuple(RIVALS if name == THE_RIVALS else METHODS)
    else:
        listed = ", ".join(PLANS)
        raise UsageError(f"no plan '{name}'; there are: {listed}, and any SETTING/METHOD")
    return [
        (setting.id, method)
        for setting in settings
        for method in setting.methods
        if method in methods
    ]


def _require(kind: str, asked: Iterable[str], found: Iterable[str], names: Iterable[str]) -> None:
    known = list(dict.fromkeys(found))
    for each in asked:
        if each not in known:
            listed = ", ".join(known)
            raise UsageError(f"{' '.join(names)} has no {kind} '{each}'; it has: {listed}")


def apart(jobs: Iterable[Job]) -> list[Job]:
    """The same with one seed a job."""
    return [dataclasses.replace(job, seeds=(seed,)) for job in jobs for seed in job.seeds]


def merged(jobs: Iterable[Job], together: Callable[[Job], bool]) -> list[Job]:
    """Join those of `jobs` for which `together` holds, and that differ in seeds only, into one."""
    found: dict[Job, tuple[int, ...]] = {}
    for job in jobs:
        key = dataclasses.replace(job, seeds=()) if together(job) else job
        found[key] = found.get(key, ()) + job.seeds
    return [dataclasses.replace(key, seeds=seeds) for key, seeds in found.items()]
