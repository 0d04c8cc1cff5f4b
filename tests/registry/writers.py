"""Processes that write into one registry at once: `python writers.py ROOT SOURCE COUNT RECORDS`.

The record in SOURCE is written under RECORDS hosts and a tenth as many seeds, or without end where
RECORDS is 0. The processes are forked of this one, which has no threads as that of the tests may.
It prints their ids, and when all have ended, their exit codes.
"""

import os
import sys
import time
import traceback
from pathlib import Path

import msgspec

from suite.registry import Record, Registry, run_key
from suite.registry.store import decode

ATTEMPTS = 10


def numbered(record: Record, number: int, count: int) -> Record:
    """The record of that number: its host and its seed."""
    host = msgspec.structs.replace(record.provenance, host=f"host-{number}")
    changed = msgspec.structs.replace(
        record, seed=number % max(1, count // ATTEMPTS), provenance=host
    )
    return msgspec.structs.replace(changed, key=run_key(changed))


def write(registry: Registry, source: Record, which: int, writers: int, count: int) -> None:
    """Write the share of one of the processes."""
    records = [numbered(source, number, count) for number in range(which, count, writers)]
    parent, start = os.getppid(), registry.root.with_name("start")
    while not start.exists():
        time.sleep(0.001)
    for record in records:
        registry.write(record)
    while not count and os.getppid() == parent:
        registry.write(source)


def fork(*arguments: object) -> int:
    """The id of a process that writes, and ends with 0, or 1 where that failed."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        write(*arguments)  # type: ignore[arg-type]
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    root, source = Path(sys.argv[1]), Path(sys.argv[2])
    writers, count = int(sys.argv[3]), int(sys.argv[4])
    record = decode(source.read_bytes(), str(source))
    pids = [fork(Registry(root), record, which, writers, count) for which in range(writers)]
    print(*pids, flush=True)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    print(*codes, flush=True)


if __name__ == "__main__":
    main()
