"""`docs/verdicts.md` is what its script simulates."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("simulate", DOCS / "simulate_verdicts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(part):
    lines = [line for line in part.splitlines() if line.startswith("| ")][1:]
    return [[float(cell) for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("of_method", [False, True])
@pytest.mark.parametrize("row", [4, 9, 21, 26, 40])
def test_a_sample_of_the_rows_comes_out_again(simulation, of_method, row):
    page = (DOCS / "verdicts.md").read_text(encoding="utf-8")
    part = page.split("## The method behind it")[of_method]
    table = rows(part)
    assert len(table) == 48
    difference, spread, seeds, *printed = table[row]
    found = simulation.shares(
        round(seeds), spread, difference, of_method=of_method, repetitions=1000
    )
    # Five standard errors of a share of a thousand.
    assert list(found.values()) == pytest.approx(printed, abs=8.0)
