"""The brief table: every cell that has runs, and a paper's number only beside a reproduction."""

from suite.report.cells import collect
from suite.report.tables.overview import render_overview
from tests.report.make_golden import golden_records


def test_every_cell_has_a_line_and_shortened_runs_say_so():
    records = list(golden_records())
    lines = render_overview(records).splitlines()[2:]
    assert len(lines) == len(collect(records).cells)
    shortened = [line for line in lines if "(shortened)" in line]
    assert shortened
    assert all(line.rstrip().endswith("–") for line in shortened)
    assert any("98.7 ± 0.4" in line for line in lines)
