"""The command line: the one place that prints and that leaves with an exit code."""

import atexit
import contextlib
import gc
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

from suite import __version__
from suite.cli import commands, printing, reading, travelling
from suite.cli.paths import REGISTRY
from suite.cli.streams import outlive_readers
from suite.errors import SuiteError, UsageError, one_line
from suite.launch.parent import end_with_parent
from suite.machine.failures import machine_error, of_the_machine
from suite.names import named

EXIT_FAULT, EXIT_INTERRUPTED = 70, 130

log = logging.getLogger(__name__)

COMMANDS: dict[str, tuple[type, str]] = {
    "run": (commands.Run, "suite.cli.run.run_command"),
    "sweep": (commands.Sweep, "suite.cli.sweep.sweep_command"),
    "reproduce": (commands.Reproduce, "suite.cli.sweep.sweep_command"),
    "status": (reading.Status, "suite.cli.status.status_command"),
    "evaluate": (commands.Evaluate, "suite.cli.evaluate.evaluate_command"),
    "verify": (commands.Verify, "suite.cli.verify.verify_command"),
    "pack": (travelling.Pack, "suite.cli.pack.pack_command"),
    "unpack": (travelling.Unpack, "suite.cli.pack.unpack_command"),
    "publish": (travelling.Publish, "suite.cli.publish.publish_command"),
    "list": (reading.List, "suite.cli.listing.list_command"),
    "show": (reading.Show, "suite.cli.show.show_command"),
    "diff": (reading.Diff, "suite.cli.inspect.diff_command"),
    "picture": (reading.Picture, "suite.cli.picture.picture_command"),
    "tables": (reading.Tables, "suite.cli.report.report_command"),
    "report": (reading.Report, "suite.cli.report.report_command"),
    "check": (reading.Check, "suite.cli.check.check_command"),
    "export": (reading.Export, "suite.cli.inspect.export_command"),
    "data": (commands.Data, "suite.cli.data.data_command"),
    "doctor": (commands.Doctor, "suite.cli.doctor.doctor_command"),
    "benchmark": (commands.Benchmark, "suite.cli.benchmark.benchmark_command"),
    "schema": (reading.Schema, "suite.cli.schema.schema_command"),
}
"""What each is asked, and by its dotted name the function that does it, of these options: it gives
the exit code. Its module is imported only then, since torch takes a second."""

_DESCRIPTION = (
    f"maml-suite {__version__}: regenerate every number of MAML (Finn, Abbeel, Levine, 2017). "
    "Start with: suite list. "
    "Exit codes: 0 done; 1 a run failed, or what was checked differs; 2 a mistake in the command, "
    "bad input, too little memory, a disk or device that failed, or there is no telling; 3 the "
    "time limit was reached; 70 a fault of the suite itself, with a traceback; 129, 130 or 143 "
    "stopped by SIGHUP, Ctrl-C or SIGTERM."
)


def main() -> None:
    """Run the command in `sys.argv`. A user's mistake is one line on stderr and exit code 2."""
    end_with_parent()
    outlive_readers()
    # Else the interpreter, at its end, takes seconds to look for cycles in what torch has made.
    atexit.register(gc.freeze)
    # numpy's BLAS would wake a thread for every core at each dot product of a policy's conjugate
    # gradients, and they wait busily for the next: on 16 cores that costs all of them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    printing.make_safe()
    level = os.environ.get("SUITE_LOG", "INFO").upper()
    logging.basicConfig(
        level=level if level in logging.getLevelNamesMapping() else "INFO",
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    try:
        code = _command()
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except Exception as error:
        code = _ended_by(error)
    sys.exit(code or 0)


def _ended_by(error: Exception) -> int:
    """Tell of what ended the command; its exit code."""
    if isinstance(error, SuiteError):
        return _failed(error)
    if isinstance(error, OSError):
        log.debug("where it happened:", exc_info=True)
        printing.abandon(sys.stdout)
        return _failed(UsageError(f"{_where(error)}: {error.strerror or error}"))
    if isinstance(error, MemoryError | RuntimeError) and of_the_machine(error):
        advice = "give it again where more memory is free"
        return _failed(machine_error(error, "this command", advice))
    # Not 1, Python's own: that says that a check has found a difference.
    with contextlib.suppress(OSError):
        traceback.print_exception(error)
        sys.stderr.flush()
    return EXIT_FAULT


def _command() -> Any:
    """Run the command; its exit code, once all that it printed is written."""
    try:
        Path.cwd()
    except FileNotFoundError:
        # Else every relative path fails in its own way, and MKL ends the process.
        raise UsageError("the working directory was removed: change to one that is there") from None
    try:
        brief = sys.argv[1:2] in (["-h"], ["--help"])
        options = tyro.extras.subcommand_cli_from_dict(
            {name: _in_brief(kind) if brief else kind for name, (kind, _) in COMMANDS.items()},
            prog="suite",
            description=_DESCRIPTION,
            registry=REGISTRY,
        )
        code = named(dict(COMMANDS.values())[type(options)])(options)
    except SystemExit as left:  # after --help, or a command line that is none
        code = left.code
    sys.stdout.flush()
    return code


def _in_brief(kind: type) -> Callable[[], None]:
    """A command of no options, whose help is the first line of that of `kind`."""

    def nothing() -> None:
        pass

    nothing.__doc__ = (kind.__doc__ or "").splitlines()[0]
    return nothing


def _failed(error: SuiteError) -> int:
    """Tell of `error` on stderr, if that can be; its exit code."""
    try:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"suite: {error}", markup=False)
        sys.stderr.flush()
    except OSError:
        printing.abandon(sys.stderr)
    return error.exit_code


def _where(error: OSError) -> str:
    """The file that cannot be read or written."""
    return "the output" if error.filename is None else one_line(str(error.filename))
