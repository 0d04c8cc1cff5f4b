"""The exceptions that the suite raises on purpose.

Each message says in one line what is wrong, where, and what to do next; the command line prints it
without a traceback.
"""


class SuiteError(Exception):
    """Base of all errors below; `exit_code` is what the command line leaves with."""

    exit_code = 1


class UsageError(SuiteError):
    """The user asked for something that cannot be done as asked."""

    exit_code = 2


class DataError(SuiteError):
    """A data set is missing, damaged or not what it claims to be."""

    exit_code = 2


class RegistryError(SuiteError):
    """A record cannot be read, or must not be written."""

    exit_code = 2


class CheckpointError(SuiteError):
    """A training cannot be saved, as where the disk is full; what was saved before is whole."""

    exit_code = 2


class MachineError(SuiteError):
    """Memory, a disk or a device fails, which is no result of a run: `suite.machine.failures`."""

    exit_code = 2


class Stopped(SuiteError):
    """A signal or a time limit has ended the work, which goes on when it is asked for again."""


def one_line(text: str) -> str:
    """`text` with a space for whatever cannot be printed, as a message quotes it from a user."""
    return "".join(each if each.isprintable() else " " for each in text)
