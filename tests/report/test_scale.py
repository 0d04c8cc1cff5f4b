"""Thousands of records become the whole report in seconds."""

import time

import pytest
from msgspec import structs

from suite.registry import Registry, run_key
from suite.registry.store import encode
from suite.report.write import write_report
from tests.report.make_golden import make_record

MANY = 4_000
# Of this process, since other work on the machine is not the report's; four are the aim.
LIMIT_SECONDS = 24.0


@pytest.mark.slow
def test_thousands_of_records(tmp_path):
    registry = Registry(tmp_path / "results")
    one = make_record("sinusoid", "maml", 0, level=0.4)
    for seed in range(MANY):
        record = structs.replace(one, seed=seed)
        record = structs.replace(record, key=run_key(record))
        path = registry.path(record)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(record))
    began = time.process_time()
    write_report(registry.root, tmp_path / "reports", page=True)
    took = time.process_time() - began
    print(f"{MANY:,} records in {took:.1f} s")
    assert took < LIMIT_SECONDS
    assert f'"count":{MANY}' in (tmp_path / "reports" / "index.html").read_text()
