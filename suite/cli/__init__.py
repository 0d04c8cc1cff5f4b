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
from suite.cli import printing
from suite.cli.commands import benchmark, data, doctor, evaluate, reproduce, run, verify
from suite.cli.paths import REGISTRY
from suite.cli.reading import check, diff, export, list_, picture, report, schema, show, tables
from suite.cli.streams import outlive_readers
from suite.cli.travelling import pack, publish, unpack
from suite.errors import SuiteError, UsageError, one_line
from suite.launch.parent import end_with_parent
from suite.machine.failures import machine_error, of_the_machine

EXIT_FAULT, EXIT_INTERRUPTED = 70, 130

log = logging.getLogger(__name__)

_COMMANDS: dict[str, Callable[..., Any]] = {
    "run": run,
    "reproduce": reproduce,
    "evaluate": evaluate,
    "verify": verify,
    "pack": pack,
    "unpack": unpack,
    "publish": publish,
    "list": list_,
    "show": show,
    "diff": diff,
    "picture": picture,
    "tables": tables,
    "report": report,
    "check": check,
    "export": export,
    "data": data,
    "doctor": doctor,
    "benchmark": benchmark,
    "schema": schema,
}

_DESCRIPTION = (
    f"maml-suite {__version__}: regenerate every number of MAML (Finn, Abbeel, Levine, 2017). "
    "Start with: suite list. "
    "Exit codes: 0 done; 1 a run failed, or what was checked differs; 2 a mistake in the command, "
    "bad input, too little memory, a disk or device that failed, or it cannot be told; 3 the time "
    "limit was reached; 70 a fault of the suite itself, with a traceback; 129, 130 or 143 stopped "
    "by SIGHUP, Ctrl-C or SIGTERM."
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
        code = tyro.extras.subcommand_cli_from_dict(
            _COMMANDS, prog="suite", description=_DESCRIPTION, registry=REGISTRY
        )
    except SystemExit as left:  # after --help, or a command line that is none
        code = left.code
    sys.stdout.flush()
    return code


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
