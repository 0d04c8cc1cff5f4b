"""Errors that tell of the machine and not of the run: the same run may succeed at the next try.

They are shown in one line and never recorded. Torch is not imported here, so that the command line
can ask at once.
"""

from suite.errors import MachineError, one_line

_MEMORY_TEXTS = (
    "can't allocate memory",
    "cannot allocate memory",
    "could not allocate memory",
    "not enough memory",
    "out of memory",
    "alloc_failed",
    "std::bad_alloc",
    "resource_exhausted",
)
"""In small letters: libraries differ in theirs."""
_DEVICE_TEXTS = ("CUDA error", "CUDA driver error", "CUDNN_STATUS", "CUBLAS_STATUS", "NCCL error")
_THREAD_TEXTS = ("can't start new thread",)
_SHOWN = 160


def is_memory(error: BaseException) -> bool:
    """Whether `error` says that memory does not suffice, of the machine or of its GPU."""
    # By name, so that a subclass of torch's own counts and torch need not be known.
    names = {each.__name__ for each in type(error).__mro__}
    if names & {"MemoryError", "OutOfMemoryError"}:
        return True
    words = str(error).lower()
    return any(text in words for text in _MEMORY_TEXTS)


def of_the_machine(error: BaseException) -> bool:
    """Whether `error` is a circumstance: memory, a disk, a device, what is not installed.

    Every `OSError` is: what a run gives depends on no file, process or connection.
    """
    if is_memory(error) or isinstance(error, OSError | ImportError):
        return True
    if "AcceleratorError" in {each.__name__ for each in type(error).__mro__}:
        return True
    texts = (*_DEVICE_TEXTS, *_THREAD_TEXTS)
    return isinstance(error, RuntimeError) and any(text in str(error) for text in texts)


def machine_error(error: BaseException, what: str, memory_advice: str) -> MachineError:
    """The error to raise for one that is `of_the_machine` and befell `what`."""
    lines = str(error).splitlines() or [type(error).__name__]
    reason = lines[0] if len(lines[0]) <= _SHOWN else f"{lines[0][:_SHOWN]}..."
    if is_memory(error):
        text = f"{what}: memory does not suffice ({reason}); {memory_advice}"
    else:
        text = (
            f"{what}: {type(error).__name__}: {reason}; that is of the machine and is not "
            "recorded: when it is mended, give the same command again"
        )
    return MachineError(one_line(text))
