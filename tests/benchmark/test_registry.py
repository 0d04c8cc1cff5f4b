"""The benchmark of the registry, on a few records."""

from pathlib import Path

import pytest

from suite.benchmark.registry import measured_registry
from suite.errors import UsageError
from suite.files import cache_dir

GOLDEN = Path(__file__).parents[1] / "report" / "golden" / "results"


def indices() -> set[Path]:
    return set((cache_dir() / "registry").glob("*"))


def test_a_row_for_each_measurement_and_nothing_left_in_the_cache():
    measured_registry(5, GOLDEN)
    before = indices()
    page = measured_registry(5, GOLDEN)
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert [row for row in rows if row] == ["new", "seen before", "one more", "report"]
    assert "5 records" in page
    assert indices() == before


def test_without_a_run_there_is_nothing_to_measure(tmp_path):
    with pytest.raises(UsageError, match="no completed run"):
        measured_registry(5, tmp_path)
