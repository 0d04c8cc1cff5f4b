"""The benchmark of sweeps: its simulation, and that it measures what it says."""

import re
from pathlib import Path

import pytest

from suite.benchmark import sweep
from suite.benchmark.sweep import makespan, measured_sweeps

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize(
    ("seconds", "workers", "end"),
    [
        ([3.0, 2.0, 1.0], 1, 6.0),
        ([3.0, 2.0, 1.0], 2, 3.0),
        ([1.0, 1.0, 5.0], 2, 6.0),
        ([3.0, 2.0], 8, 3.0),
        ([], 4, 0.0),
    ],
)
def test_jobs_go_to_the_first_worker_that_is_free(seconds, workers, end):
    assert makespan(seconds, workers) == end


@pytest.mark.slow
def test_the_page_has_what_was_measured(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep, "_SETTING", "sinusoid")
    monkeypatch.setattr(sweep, "_ITERATIONS", 1)
    monkeypatch.setattr(sweep, "_SEEDS", (0,))
    monkeypatch.setattr(sweep, "_MORE_WORKERS", ())
    monkeypatch.setattr(sweep, "_STARTS", 1)
    monkeypatch.setattr(sweep, "_ways", lambda: {"sweep": ()})  # a cluster takes 20 s, four times
    page = measured_sweeps(RESULTS)
    number = r" +\| ([\d.]+)"
    rows = re.findall(rf"\| (sweep[^|]*?){number * 2} +\| [+-][\d.]+ %{number} +\|", page)
    assert [way for way, *_ in rows] == ["sweep"]
    assert all(float(seconds) > 1.0 for _, *found in rows for seconds in found)
    assert len(re.findall(r"\| sweep +\| +1 +\|", page)) == 1
    (h200,) = (line for line in page.splitlines() if line.startswith("| NVIDIA H200 "))
    one, eight, many = (float(cell) for cell in h200.strip("|").split("|")[2:])
    assert one > eight >= many
