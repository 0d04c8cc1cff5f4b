"""The commands that run something, and their options. Slow imports stand where they are used."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from suite.cli.options import (
    Changes,
    MaybeCount,
    MaybeDuration,
    MaybeName,
    MaybePath,
    Names,
    Seeds,
    joined,
)


def run(
    setting: Positional[Annotated[str, arg(metavar="SETTING")]],
    method: Positional[Annotated[str, arg(metavar="METHOD")]],
    /,
    seeds: Seeds = (),
    schedule: Literal["paper", "short"] = "paper",
    iterations: MaybeCount = None,
    set_: Changes = (),
    protocols: Names = (),
    data: MaybePath = None,
    results: Path = Path("results"),
    device: str = "auto",
    threads: MaybeCount = None,
    time_limit: MaybeDuration = None,
    checkpoint_every: str = "30s",
    checkpoints: MaybePath = None,
    rerun: bool = False,
    engine: str = "auto",
    seeds_together: MaybeCount = None,
    tasks_per_chunk: MaybeCount = None,
) -> int:
    """Train, score on the test tasks, and write one record a seed and protocol.

    What stands in the registry is not run again. A run that was stopped or killed goes on from its
    last checkpoint when the same command is given again. Exit codes: 0 done, 1 a run failed,
    2 a mistake in the command, or memory, a disk or a device failed, 3 the time limit was reached,
    130 or 143 stopped by a signal. On a CPU it takes 0.4 GB for the sinusoid, 1.3 GB for
    20-way Omniglot and 3.8 GB for mini-ImageNet 1-shot, of which 1.3 GB is its file.

    Args:
        setting: What to run: see `suite list`.
        method: How: see `suite list`.
        seeds: One run for each; 0 by default. A seed fixes initial weights, class split and tasks.
        schedule: The paper's, or a short one for a look, recorded as shortened.
        iterations: Meta-iterations; the schedule's by default. Fewer than the paper's are recorded
            as shortened.
        set_: Change fields of the configuration or of the method, for example inner_lr=0.01. What
            the run would not heed, and a value that does not fit, is refused.
        protocols: Names of the protocols to score under; all of the method's by default.
        data: Folder that holds the data set; by default SUITE_DATA, else a download.
        results: The registry.
        device: auto, cpu or cuda.
        threads: CPU threads of torch; by default torch's own choice.
        time_limit: Stop cleanly before so much time has passed, for example 9m or 1h30m.
        checkpoint_every: The most training that a kill can lose.
        checkpoints: Where trainings are saved, to go on from; by default in the cache.
        rerun: Run again what stands in the registry, and keep both records.
        engine: auto, or what a record names, which is then repeated: eager, graph (a captured
            CUDA graph) or compiled (fused by inductor), and the way that blocks are computed in,
            as in "eager, grouped". auto times the ways on the first batch; all have equal results
            but for rounding.
        seeds_together: Seeds to train side by side; by default as many as pay and as memory holds.
        tasks_per_chunk: Tasks of a seed in memory at once; fewer need less memory and more time.
    """
    from suite.cli.run import run_command

    return run_command(
        setting_id=setting,
        method=method,
        seeds=joined(seeds) if seeds else (0,),
        short=schedule == "short",
        iterations=iterations,
        changes=tuple(change for each in set_ for change in each or ("",)),
        protocol_names=joined(protocols),
        data=data,
        results=results,
        device_name=device,
        threads=threads,
        time_limit=time_limit,
        checkpoint_every=checkpoint_every,
        checkpoints=checkpoints,
        rerun=rerun,
        engine_name=engine,
        seeds_together=seeds_together,
        tasks_per_chunk=tasks_per_chunk,
    )


def reproduce(
    name: Positional[Annotated[str, arg(metavar="NAME")]],
    /,
    seeds: Seeds = (),
    schedule: Literal["paper", "short"] = "paper",
    iterations: MaybeCount = None,
    settings: Names = (),
    methods: Names = (),
    data: MaybePath = None,
    results: Path = Path("results"),
    jobs: MaybeCount = None,
    time_limit: MaybeDuration = None,
) -> int:
    """Run all settings and methods of one part of the paper, several runs at a time.

    What stands in the registry is not run again, and what was stopped goes on. Exit codes are those
    of `suite run`.

    Args:
        name: quickstart, sinusoid, omniglot, miniimagenet or rl.
        seeds: 0 to 4 by default (quickstart: 0 and 1; short schedule: 0).
        schedule: The paper's, or a short one for a look, recorded as shortened.
        iterations: Meta-iterations; the schedule's by default. Fewer than the paper's are recorded
            as shortened.
        settings: Only these.
        methods: Only these.
        data: Folder that holds the data sets; by default SUITE_DATA, else a download.
        results: The registry.
        jobs: Runs at a time; by default one a CPU core; where there is a GPU one, of policies one
            for two cores.
        time_limit: Stop cleanly before so much time has passed, for example 9m or 1h30m.
    """
    from suite.cli.reproduce import reproduce_command

    return reproduce_command(
        name=name,
        seeds=joined(seeds),
        short=schedule == "short",
        iterations=iterations,
        settings=joined(settings),
        methods=joined(methods),
        data=data,
        results=results,
        jobs_at_once=jobs,
        time_limit=time_limit,
    )


def evaluate(
    run: Positional[Annotated[str | None, arg(metavar="[RUN]", help_behavior_hint="")]] = None,
    /,
    protocols: Names = (),
    weights: MaybePath = None,
    layout: Literal["auto", "torch", "tensorflow"] = "auto",
    setting: MaybeName = None,
    method: str = "maml",
    seed: int = 0,
    data: MaybePath = None,
    results: Path = Path("results"),
    device: str = "auto",
    threads: MaybeCount = None,
    time_limit: MaybeDuration = None,
) -> int:
    """Score a trained model under other protocols.

    Of a RUN of the registry the weights must be in the cache, or published beside its record
    (`suite publish`); each protocol gives a record.
    Weights of somebody else (`--weights FILE --setting SETTING`) are scored and not recorded. The
    protocols are those of the setting and 15-queries, support-statistics, one-query,
    best-validation, 6000-tasks, 1-step to 10-steps. `suite tables` shows what they change.
    Test tasks are scored within about 1 GiB (4 GiB of a GPU), beside 0.2 GB and, for mini-ImageNet,
    1.3 GB of its file. What is stopped by a signal or by the
    time limit goes on from the tasks that are scored when the same command is given again.

    Args:
        run: A record: its file, or the first digits of its key.
        protocols: Names of protocols; by default all but the step counts, which every record has.
        weights: An .npz, .safetensors or state dict, .pt; `suite.models.foreign` names what is
            understood.
        layout: Of kernels and flattened features; by default told by the names.
        setting: Of the weights: see `suite list`.
        method: How the weights are adapted.
        seed: Whose test tasks the weights are scored on.
        data: Folder that holds the data set; by default SUITE_DATA, else a download.
        results: The registry.
        device: auto, cpu or cuda.
        threads: CPU threads of torch; by default torch's own choice.
        time_limit: Stop after this long, as `suite run` does (exit code 3).
    """
    from suite.cli.evaluate import Machine, evaluate_run, evaluate_weights
    from suite.cli.limits import Limits, limited, seconds
    from suite.errors import UsageError

    limits = Limits(None if time_limit is None else seconds(time_limit))
    machine = Machine(data=data, device_name=device, threads=threads, limits=limits)

    def scored() -> int:
        if weights is None and run is not None:
            return evaluate_run(run, joined(protocols), results, machine)
        if weights is None or run is not None or setting is None:
            raise UsageError("name a RUN, or --weights FILE and --setting SETTING")
        names = joined(protocols)
        return evaluate_weights(weights, layout, setting, method, seed, names, machine)

    return limited(limits, scored)


def verify(
    runs: Positional[Annotated[tuple[str, ...], arg(metavar="RUN...", help_behavior_hint="")]],
    /,
    train: bool = False,
    data: MaybePath = None,
    results: Path = Path("results"),
    device: str = "auto",
    threads: MaybeCount = None,
) -> int:
    """Score a record's weights again, or train them again, and compare every outcome.

    The weights must be those of the record, in the cache or published beside it (`suite publish`).
    Nothing is written to the registry. Exit codes: 0 equal to the last digit, 1 an outcome
    differs, 2 that cannot be told.

    Args:
        runs: Records: each by its file, the beginning of its key, or setting/method/seed.
        train: Train again in a temporary place, whatever is in the cache.
        data: Folder that holds the data set; by default SUITE_DATA, else a download.
        results: The registry.
        device: auto, cpu or cuda.
        threads: CPU threads of torch; by default torch's own choice.
    """
    from suite.cli.evaluate import Machine
    from suite.cli.limits import Limits, limited
    from suite.cli.verify import verify_runs
    from suite.errors import UsageError

    if not runs:
        raise UsageError("name a RUN; see: suite list")
    limits = Limits(None)
    machine = Machine(data=data, device_name=device, threads=threads, limits=limits)
    return limited(limits, lambda: verify_runs(runs, results, machine, train=train))


def benchmark(
    reports: Path = Path("reports"),
    device: str = "auto",
    threads: MaybeCount = None,
    settings: Names = (),
    budget: float = 20.0,
    memory: bool = True,
    brief: bool = False,
    registry: MaybeCount = None,
) -> int:
    """Time meta-gradients and environment steps against other ways, and against what is possible.

    All ways take turns in this process; ratios are medians over the rounds.

    Args:
        reports: Where benchmark.md is written (with a GPU, benchmark-cuda.md; with --threads 1,
            benchmark-1-thread.md), and for reinforcement learning benchmark-rl.md, always on the
            CPU.
        device: auto, cpu or cuda.
        threads: CPU threads of torch; by default torch's own choice.
        settings: Only these; by default all but glyphs, which has the shapes of Omniglot, and of a
            brief benchmark omniglot-5way-1shot and miniimagenet-5way-1shot.
        budget: Seconds for the rounds of one row of a table; there are three at least. With 0 no
            meta-iterations of reinforcement learning are timed.
        memory: Measure peak memory too.
        brief: All ways to compute our meta-gradient against the per-task loop, neither other
            libraries nor compiled, memory or growth. The first command to run on a new GPU.
        registry: Only this: how long so many records take to load, to check and to become the
            report. They are made of those in results/; writes benchmark-registry.md.
    """
    from suite.cli.benchmark import benchmark_command, benchmark_registry

    if registry is not None:
        return benchmark_registry(reports, registry)
    names = joined(settings)
    return benchmark_command(reports, device, threads, names, budget, memory=memory, brief=brief)


def data(
    name: Positional[Annotated[str | None, arg(metavar="[NAME]", help_behavior_hint="")]] = None,
    /,
    data: MaybePath = None,
    cache: bool = False,
    clear: MaybeName = None,
) -> int:
    """Find or download a data set, decode it once into the cache, and say which it is.

    It takes 0.3 GB of memory, for mini-ImageNet 1.6 GB, of which 1.3 GB is the file that it makes.

    Args:
        name: omniglot, miniimagenet or glyphs.
        data: Folder that holds it; by default SUITE_DATA, else a download.
        cache: List the decoded data sets in the cache, with their sizes and when they were used.
        clear: Remove the decoded arrays of the data set of this name, or of `all`; trainings stay.
    """
    from suite.cli.data import clear_cache, list_cache, show_data
    from suite.cli.limits import ended_by_signals
    from suite.errors import UsageError

    if (name is not None) + cache + (clear is not None) != 1:
        raise UsageError("name a data set, or give --cache, or --clear NAME; see suite data --help")
    if cache:
        list_cache()
    elif clear is not None:
        clear_cache(clear)
    elif name is not None:
        return ended_by_signals(lambda limits: show_data(name, data, limits))
    return 0


def doctor() -> int:
    """Show versions, device, cache and data sets, and how to get what is missing."""
    from suite.cli.doctor import examine

    return examine()
