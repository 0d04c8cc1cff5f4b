"""`suite benchmark`."""

import math
from pathlib import Path

from suite.benchmark.policies import measured_policies
from suite.benchmark.registry import measured_registry
from suite.benchmark.report import measured
from suite.benchmark.sweep import measured_sweeps
from suite.cli.checks import at_least_one
from suite.cli.commands import Benchmark
from suite.cli.options import joined
from suite.errors import UsageError
from suite.files import atomic_write
from suite.machine import environment
from suite.registry.store import DEFAULT_ROOT
from suite.settings import ENVIRONMENTS, SETTINGS, get_setting

# Those that compiling makes faster on a CPU, and one that it makes slower, for the record.
_COMPILED_ON_CPU = ("sinusoid", "omniglot-5way-1shot-mlp", "omniglot-5way-1shot")

_BRIEF = ("omniglot-5way-1shot", "miniimagenet-5way-1shot")

# The rounds in which the sampling of policies is timed.
_ROUNDS = 5


def benchmark_command(options: Benchmark) -> int:
    """See `Benchmark`; the exit code."""
    budget, brief, reports = options.budget, options.brief, options.reports
    if options.registry is not None:
        at_least_one("registry", options.registry)
        page = measured_registry(options.registry, DEFAULT_ROOT)
        return _written(reports / "benchmark-registry.md", page)
    if options.sweep:
        return _written(reports / "benchmark-sweep.md", measured_sweeps(DEFAULT_ROOT))
    if not 0 <= budget < math.inf:
        raise UsageError(f"--budget {budget}: name seconds from 0 on")
    usual = tuple(name for name in SETTINGS if not name.startswith("glyphs"))
    chosen = joined(options.settings) or (_BRIEF if brief else usual)
    for name in chosen:
        get_setting(name)
    environment.prepare(options.threads)
    device = environment.choose_device(options.device)
    # A page is written at once: what comes after it takes long, and may fail.
    if supervised := [name for name in chosen if name not in ENVIRONMENTS]:
        compiled = supervised if device.type == "cuda" else _COMPILED_ON_CPU
        page = measured(
            device,
            supervised,
            budget=budget,
            compiled=() if brief else compiled,
            with_memory=options.memory and not brief,
            brief=brief,
        )
        _written(reports / _page(device.type, options.threads), page)
    if policies := [name for name in chosen if name in ENVIRONMENTS]:
        page = measured_policies(policies, rounds=_ROUNDS, iterations=budget > 0)
        _written(reports / "benchmark-rl.md", page)
    return 0


def _page(device: str, threads: int | None) -> str:
    """The page of a device; one of its own where the number of threads was asked for."""
    kind = "" if device == "cpu" else f"-{device}"
    count = "" if threads is None else f"-{threads}-thread{'s' if threads > 1 else ''}"
    return f"benchmark{kind}{count}.md"


def _written(path: Path, text: str) -> int:
    """Write a page and say so; the exit code."""
    atomic_write(path, text.encode())
    print(f"wrote {path}")
    return 0
