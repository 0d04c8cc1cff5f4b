"""The command line: the one place that prints and that leaves with an exit code."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import tyro
from rich.console import Console

from suite import __version__
from suite.cli.commands import benchmark, data, doctor, evaluate, reproduce, run, verify
from suite.cli.reading import check, diff, export, list_, picture, report, schema, show, tables
from suite.cli.streams import outlive_readers
from suite.errors import SuiteError
from suite.launch.parent import end_with_parent
from suite.machine import of_the_machine, told

EXIT_INTERRUPTED = 130

_COMMANDS: dict[str, Callable[..., Any]] = {
    "run": run,
    "reproduce": reproduce,
    "evaluate": evaluate,
    "verify": verify,
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
    "Start with: suite list"
)


def main() -> None:
    """Run the command in `sys.argv`. A user's mistake is one line on stderr and exit code 2."""
    end_with_parent()
    outlive_readers()
    # numpy's BLAS would wake a thread for every core at each dot product of a policy's conjugate
    # gradients, and they wait busily for the next: on 16 cores that costs all of them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    level = os.environ.get("SUITE_LOG", "INFO").upper()
    logging.basicConfig(
        level=level if level in logging.getLevelNamesMapping() else "INFO",
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    try:
        code = tyro.extras.subcommand_cli_from_dict(
            _COMMANDS, prog="suite", description=_DESCRIPTION
        )
    except SuiteError as error:
        code = _failed(error)
    except (MemoryError, RuntimeError) as error:
        if not of_the_machine(error):
            raise
        code = _failed(told(error, "this command", "give it again where more memory is free"))
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    sys.exit(code or 0)


def _failed(error: SuiteError) -> int:
    """Tell of `error` on stderr; its exit code."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"suite: {error}", markup=False)
    return error.exit_code
