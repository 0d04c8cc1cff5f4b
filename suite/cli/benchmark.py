"""`suite benchmark`."""

from pathlib import Path

from suite import environment
from suite.benchmark.report import measured
from suite.errors import UsageError
from suite.files import atomic_write
from suite.settings import SETTINGS, get_setting

# Those that compiling makes faster on a CPU, and one that it makes slower, for the record.
_COMPILED_ON_CPU = ("sinusoid", "omniglot-5way-1shot-mlp", "omniglot-5way-1shot")


def benchmark_command(
    reports: Path,
    device_name: str,
    threads: int | None,
    settings: tuple[str, ...],
    budget: float,
    *,
    memory: bool,
) -> int:
    """See `suite.cli.commands.benchmark`; the exit code."""
    if budget < 0:
        raise UsageError(f"--budget {budget}: name seconds from 0 on")
    chosen = settings or tuple(name for name in SETTINGS if not name.startswith("glyphs"))
    for name in chosen:
        get_setting(name)
    environment.prepare(threads)
    device = environment.choose_device(device_name)
    compiled = chosen if device.type == "cuda" else _COMPILED_ON_CPU
    text = measured(device, chosen, budget=budget, compiled=compiled, with_memory=memory)
    name = "benchmark.md" if device.type == "cpu" else f"benchmark-{device.type}.md"
    atomic_write(reports / name, text.encode())
    print(f"wrote {reports / name}")
    return 0
