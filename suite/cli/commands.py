"""The commands that run something: what they do and their options, as `--help` shows them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from suite.cli.options import (
    Changes,
    DataFolder,
    Device,
    Duration,
    Iterations,
    Length,
    MaybeCount,
    MaybeDuration,
    MaybeName,
    MaybeNumber,
    MaybePath,
    Names,
    Results,
    Seeds,
    Threads,
    TimeLimit,
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """Train, score on the test tasks, and write one record a seed and protocol.

    What stands in the registry is not run again. A run that was stopped or killed goes on from its
    last checkpoint when the same command is given again. Exit codes: 0 done, 1 a run failed,
    2 a mistake in the command, or memory, a disk or a device failed, 3 the time limit was reached,
    130 or 143 stopped by a signal. On a CPU it takes 0.4 GB for the sinusoid, 1.3 GB for
    20-way Omniglot and 3.8 GB for mini-ImageNet 1-shot, of which 1.3 GB is its file.
    """

    setting: Positional[Annotated[str, arg(metavar="SETTING")]]
    """What to run: see `suite list`."""
    method: Positional[Annotated[str, arg(metavar="METHOD")]]
    """How: see `suite list`."""
    seeds: Seeds = ()
    """One run for each; 0 by default. A seed fixes initial weights, class split and tasks."""
    schedule: Length = "paper"
    iterations: Iterations = None
    changes: Changes = ()
    """Change fields of the configuration or of the method, for example inner_lr=0.01. What the run
    would not heed, and a value that does not fit, is refused."""
    protocols: Names = ()
    """Names of the protocols to score under, those of `evaluate` among them; by default all that
    the method has in the setting."""
    data: DataFolder = None
    results: Results = Path("results")
    device: Device = "auto"
    threads: Threads = None
    time_limit: TimeLimit = None
    checkpoint_every: Duration = "30s"
    """The most training that a kill can lose."""
    checkpoints: MaybePath = None
    """Where trainings are saved, to go on from; by default in the cache."""
    rerun: bool = False
    """Run again what stands in the registry, and keep both records."""
    engine: Annotated[str, arg(metavar="ENGINE")] = "auto"
    """auto, or what a record names, which is then repeated: eager, graph (a captured CUDA graph) or
    compiled (fused by inductor), and the way that blocks are computed in, as in "eager, grouped".
    auto times the ways on the first batch; all have equal results but for rounding."""
    seeds_together: MaybeCount = None
    """Seeds to train side by side; by default as many as pay and as memory holds."""
    tasks_per_chunk: MaybeCount = None
    """Tasks of a seed in memory at once; fewer need less memory and more time."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Run what is missing of one or more plans, several runs at a time.

    It prints first what stands, what is left, and about how long that takes by the speeds in the
    registry. What stands is not run again, what was stopped or killed goes on, and a run that fails
    is tried once more and stops no other. Several sweeps of one registry share the work. `suite
    status` tells how far they are. Exit codes are those of `suite run`; 3 where the time limit was
    reached or the budget is spent.
    """

    plans: Positional[Annotated[tuple[str, ...], arg(metavar="PLAN...", help_behavior_hint="")]]
    """paper, table1, omniglot, miniimagenet, sinusoid, rl, rivals (the systems that the paper
    compares MAML with), missing (what the published numbers lack to have a verdict), quickstart, or
    any SETTING/METHOD."""
    seeds: Seeds = ()
    """0 to 4 by default (quickstart: 0 and 1; short schedule: 0; missing: those that lack)."""
    schedule: Length = "paper"
    iterations: Iterations = None
    settings: Names = ()
    """Only these."""
    methods: Names = ()
    """Only these."""
    order: Literal["auto", "seeds", "cheapest"] = "auto"
    """seeds: all methods of a seed before the next seed. cheapest: what takes least first, what
    nobody can tell last; auto is that for missing alone, else seeds."""
    dry_run: bool = False
    """Print the plan and run nothing; no data set is needed."""
    json: bool = False
    """Print the plan, and how it ended, as JSON, one a line."""
    data: MaybePath = None
    """Folder that holds the data sets; by default SUITE_DATA, else a download."""
    results: Results = Path("results")
    jobs: MaybeCount = None
    """Runs at a time; by default one a CPU core; where there is a GPU one on each, or more where
    those leave room, and of policies one for two cores."""
    time_limit: TimeLimit = None
    budget_hours: MaybeNumber = None
    """Start no run that would not end within so many hours from now, or of which no record tells
    how long it takes."""
    job_timeout: MaybeDuration = None
    """End a run that takes longer than this, and try it once more."""
    ray: Annotated[str | None, arg(metavar="ADDRESS", help_behavior_hint="")] = None
    """Run on a cluster of Ray, from one of its machines: HOST:PORT, auto for the cluster that this
    machine is part of, local for one of its own. It needs `pip install '.[cluster]'`. Machines with
    other code, versions or data than this one are named and left out; --jobs is the most runs at a
    time, by default as many as the machines hold."""
    allow_versions: bool = False
    """With --ray: take machines with other code or versions too; each record says in what its
    machine differed."""
    gpu_share: MaybeNumber = None
    """With --ray: the share of a GPU that a run takes, 0.8 by default: with 0.25 a GPU has four."""


@dataclass(frozen=True, kw_only=True)
class Reproduce(Sweep):
    """Reproduce parts of the paper: another name for `suite sweep`."""


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Score a trained model under other protocols.

    The weights of a RUN of the registry must be in the cache, or published beside its record
    (`suite publish`); each protocol gives a record.
    Weights of somebody else (`--weights FILE --setting SETTING`) are scored and not recorded. The
    protocols are those of the setting and 15-queries, support-statistics, one-query,
    best-validation, 6000-tasks, 1-step to 10-steps. `suite tables` shows what they change.
    Test tasks are scored within about 1 GiB (4 GiB of a GPU), beside 0.2 GB and, for mini-ImageNet,
    1.3 GB of its file. What is stopped by a signal or by the
    time limit goes on from the tasks that are scored when the same command is given again.
    """

    run: Positional[Annotated[str | None, arg(metavar="[RUN]", help_behavior_hint="")]] = None
    """A record: its file, or the first digits of its key."""
    protocols: Names = ()
    """Names of protocols; by default all but the step counts, which every record has."""
    weights: MaybePath = None
    """An .npz, .safetensors or state dict, .pt; `suite.models.foreign` names what is understood."""
    layout: Literal["auto", "torch", "tensorflow"] = "auto"
    """The layout of kernels and flattened features; by default the names say it."""
    setting: Annotated[str | None, arg(metavar="SETTING", help_behavior_hint="")] = None
    """The setting of the weights: see `suite list`."""
    method: Annotated[str, arg(metavar="METHOD")] = "maml"
    """How the weights are adapted."""
    seed: int = 0
    """Whose test tasks the weights are scored on."""
    data: DataFolder = None
    results: Results = Path("results")
    device: Device = "auto"
    threads: Threads = None
    time_limit: MaybeDuration = None
    """Stop after this long, as `suite run` does (exit code 3)."""


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Score a record's weights again, or train them again, and compare every outcome.

    The weights must be those of the record, in the cache or published beside it (`suite publish`).
    Nothing is written to the registry. Exit codes: 0 equal to the last digit, 1 an outcome
    differs, 2 there is no telling.
    """

    runs: Positional[Annotated[tuple[str, ...], arg(metavar="RUN...", help_behavior_hint="")]]
    """Records: each by its file, the beginning of its key, or setting/method/seed."""
    train: bool = False
    """Train again in a temporary place, whatever is in the cache."""
    data: DataFolder = None
    results: Results = Path("results")
    device: Device = "auto"
    threads: Threads = None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Time meta-gradients and environment steps against other ways, and against what is possible.

    All ways take turns in this process; ratios are medians over the rounds.
    """

    reports: Path = Path("reports")
    """Where benchmark.md is written (with a GPU, benchmark-cuda.md; with --threads 1,
    benchmark-1-thread.md), and for reinforcement learning benchmark-rl.md, always on the CPU."""
    device: Device = "auto"
    threads: Threads = None
    settings: Names = ()
    """Only these; by default all but glyphs, which has the shapes of Omniglot, and of a brief
    benchmark omniglot-5way-1shot and miniimagenet-5way-1shot."""
    budget: Annotated[float, arg(metavar="SECONDS")] = 20.0
    """Seconds for the rounds of one row of a table; there are three at least. With 0 no
    meta-iterations of reinforcement learning are timed."""
    memory: bool = True
    """Measure peak memory too."""
    brief: bool = False
    """All ways to compute our meta-gradient against the per-task loop, neither other libraries nor
    compiled, memory or growth. The first command to run on a new GPU."""
    registry: MaybeCount = None
    """Only this: how long so many records take to load, to check and to become the report. They are
    made of those in results/; writes benchmark-registry.md."""
    sweep: bool = False
    """Only this: what `suite sweep` costs beside the same runs by hand, and what workers add;
    three quarters of an hour. Writes benchmark-sweep.md."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """Find or download a data set, decode it once into the cache, and say which it is.

    It takes 0.3 GB of memory, for mini-ImageNet 1.6 GB, of which 1.3 GB is the file that it makes.
    """

    name: Positional[Annotated[str | None, arg(metavar="[NAME]", help_behavior_hint="")]] = None
    """omniglot, miniimagenet or glyphs."""
    data: MaybePath = None
    """Folder that holds it; by default SUITE_DATA, else a download."""
    cache: bool = False
    """List the decoded data sets in the cache, with their sizes and when they were used."""
    clear: MaybeName = None
    """Remove the decoded arrays of the data set of this name, or of `all`; trainings stay."""


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Show versions, device, cache and data sets, and how to get what is missing."""
