"""Records for the report: the same numbers in less memory."""

import subprocess
import sys

from msgspec import structs

from suite.registry.compact import compact


def test_a_compact_record_has_the_same_numbers(make_record):
    record = make_record()
    found = compact(record)
    assert structs.replace(found, per_task=record.per_task) == record
    assert found.per_task.keys() == record.per_task.keys()
    for ours, theirs in zip(found.per_task["accuracy"], record.per_task["accuracy"], strict=True):
        assert list(ours) == list(theirs)
        assert ours.count(None) == theirs.count(None)


def test_it_takes_a_quarter_of_the_memory(make_record):
    row = tuple(number / 7 for number in range(6000))
    record = make_record(per_task={"accuracy": (row,)})
    (packed,) = compact(record).per_task["accuracy"]
    held = sys.getsizeof(row) + sum(map(sys.getsizeof, row))
    assert sys.getsizeof(packed) < 0.26 * held


def test_commands_that_read_the_registry_need_no_torch():
    modules = "suite.cli.report, suite.cli.listing, suite.cli.show, suite.cli.inspect"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
