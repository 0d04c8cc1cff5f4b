"""The tables file, against a committed registry of synthetic records and its exact text.

Regenerate both with `python tests/report/make_golden.py` and read the diff.
"""

import re
from pathlib import Path

import pytest

from suite.registry import Record, Registry
from suite.report.tables.render import render_tables
from suite.report.tables.sections import COLUMNS
from suite.report.write import write_report
from tests.report.make_golden import GOLDEN, fail, golden_records, make_record

OMNIGLOT = "omniglot-5way-1shot"


def render(*records: Record) -> str:
    return render_tables(records, results_link="../results")


def section(text: str, heading: str) -> str:
    """The text between a heading and the next one."""
    assert heading in text
    return re.split(r"^#", text.split(heading, 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_golden_registry_gives_the_golden_tables() -> None:
    records = Registry(GOLDEN / "results").records()
    expected = (GOLDEN / "tables.md").read_text(encoding="utf-8")
    assert render_tables(records, results_link="results") == expected


def test_the_golden_registry_is_what_its_script_makes() -> None:
    stored = {(record.key, record.attempt): record for record in golden_records()}
    found = {(each.key, each.attempt): each for each in Registry(GOLDEN / "results").records()}
    assert found == stored


def test_every_link_of_the_golden_tables_leads_to_a_record() -> None:
    links = re.findall(r"\]\((results/[^)]+)\)", (GOLDEN / "tables.md").read_text("utf-8"))
    assert links
    assert all((GOLDEN / each).is_file() for each in links)


def test_a_column_is_a_heading_and_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in every table of the sections, and each row has as many cells as the head."""
    records = list(golden_records())
    before = render(*records).split("\n\n")
    monkeypatch.setitem(COLUMNS, "first seed", lambda section, cell: f"#{cell.records[0].seed}")
    after = render(*records)
    assert "| #0 " in after
    tables = [block for block in after.split("\n\n") if block.startswith("|")]
    ends = [re.search(r"\| seeds +\| iterations +\| records", block) for block in before]
    assert sum("first seed" in block for block in tables) == len(list(filter(None, ends)))
    for block in tables:
        assert len({line.count("|") for line in block.splitlines()}) == 1, block


def test_the_order_of_the_records_does_not_matter() -> None:
    records = list(golden_records())
    assert render(*records) == render(*reversed(records))


def test_an_empty_registry_has_every_row_of_the_paper_and_runs_none() -> None:
    text = render()
    assert "not run" in section(text, "## Omniglot")
    assert "48.70 ± 1.84" in section(text, "## mini-ImageNet")
    assert "There are no records yet." in text


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_report(GOLDEN / "results", tmp_path)
    before = {path: path.read_bytes() for path in first}
    second = write_report(GOLDEN / "results", tmp_path)
    assert {path: path.read_bytes() for path in second} == before
    assert {path.suffix for path in first} == {".md", ".svg", ".png"}


@pytest.mark.parametrize("iterations", [1, 59_999, 60_001])
def test_a_run_of_another_length_is_no_reproduction(iterations: int) -> None:
    record = make_record(OMNIGLOT, "maml", 0, level=0.98, iterations=iterations)
    text = render(record)
    assert record.key not in section(text, "## Omniglot\n")
    kind = "Shortened" if iterations < 60_000 else "Lengthened"
    apart = section(text, f"### {kind} runs (not a reproduction)")
    assert record.key in apart
    assert f"{iterations:,}" in apart
    assert "98.7 ± 0.4" not in apart


def test_runs_of_different_lengths_are_not_pooled() -> None:
    records = [
        make_record(OMNIGLOT, "maml", seed, level=0.9, iterations=1000 * (1 + seed))
        for seed in range(2)
    ]
    apart = section(render(*records), "### Shortened runs (not a reproduction)")
    assert apart.count("± – ") == 2


def test_no_training_is_right_for_random_initialization_alone() -> None:
    untrained = make_record("sinusoid", "random-init", 0, level=3.0, iterations=0)
    maml = make_record("sinusoid", "maml", 0, level=3.0, iterations=0)
    text = render(untrained, maml)
    assert untrained.key in section(text, "(the paper's Table 2)")
    assert maml.key not in section(text, "(the paper's Table 2)")
    assert maml.key in section(text, "### Untrained runs (not a reproduction)")


def test_a_changed_configuration_stands_apart_with_its_change() -> None:
    record = make_record(OMNIGLOT, "maml", 0, level=0.9, changes={"inner_lr": 0.25})
    text = render(record)
    assert record.key not in section(text, "## Omniglot\n")
    assert "`inner_lr=0.25`" in section(text, "### Variants")


def test_a_seed_counts_once_however_often_it_ran() -> None:
    once = [make_record(OMNIGLOT, "maml", seed, level=0.98) for seed in range(2)]
    again = make_record(OMNIGLOT, "maml", 1, level=0.5, attempt=1)
    alone, repeated = render(*once), render(*once, again)
    assert (
        section(alone, "## Omniglot\n").splitlines()[:5]
        == (section(repeated, "## Omniglot\n").splitlines()[:5])
    )
    assert "1 rerun of a seed that is counted once" in repeated


def test_a_failed_attempt_gives_way_to_the_one_that_completed() -> None:
    failed = fail(make_record(OMNIGLOT, "maml", 0, level=0.98))
    later = make_record(OMNIGLOT, "maml", 0, level=0.98, attempt=1)
    main = section(render(failed, later), "## Omniglot\n")
    assert f"{later.key}-attempt1" in main
    assert "1 failed run, not counted" in main
    assert "OutOfMemoryError" in main


def test_a_divergence_is_told_with_the_median_beside_it() -> None:
    record = make_record("sinusoid", "maml", 0, level=0.35, diverged=1)
    row = section(render(record), "(the paper's Table 2)")
    assert "diverged on 1 of 600 tasks; median 0." in row


def test_runs_with_other_options_are_not_pooled() -> None:
    plain = make_record(OMNIGLOT, "maml", 0, level=0.98)
    other = make_record(OMNIGLOT, "maml", 1, level=0.98, options={"anneal": True})
    main = section(render(plain, other), "## Omniglot\n")
    assert 'maml, options `{"anneal": true}`' in main
    assert main.count("± – ") == 2
