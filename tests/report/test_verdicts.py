"""Every published number is judged, by runs at the paper's schedule and by no others."""

import re

import pytest
from msgspec import structs

from suite.launch.missing import missing_jobs
from suite.registry import run_key
from suite.report.cells import collect
from suite.report.tables.paired import render_paired
from suite.report.tables.table1 import render_table1
from suite.report.verdicts import judged, render_summary
from suite.settings import SETTINGS, get_setting
from suite.settings.footnotes import FOOTNOTES
from suite.settings.protocols import protocols_by_name
from tests.report.make_golden import make_record

OMNIGLOT = "omniglot-5way-1shot"


def row(*records, method="maml", setting=OMNIGLOT):
    rows = judged(collect(records).cells)
    (found,) = (
        each for each in rows if (each.setting.id, each.printed.method) == (setting, method)
    )
    return found


def exactly(record, level):
    """The record with outcomes of about `level`, which a seed shifts by a thousandth."""
    level += 0.001 * (record.seed % 3 - 1)
    ((name, rows),) = record.per_task.items()
    rows = tuple((level - 0.002, level + 0.002) * 2 for _ in rows)
    result = structs.replace(record.metrics[name], mean=level, by_step=(level,) * len(rows))
    return structs.replace(record, per_task={name: rows}, metrics={name: result})


def runs(level, seeds=5, method="maml", **options):
    made = (make_record(OMNIGLOT, method, seed, level=0.9, **options) for seed in range(seeds))
    return [exactly(record, level) for record in made]


def test_every_published_number_has_a_name_of_its_own_and_is_not_run_at_first():
    rows = judged([])
    assert len(rows) == sum(len(setting.paper) for setting in SETTINGS.values())
    assert len({each.name for each in rows}) == len(rows)
    assert {each.verdict.outcome for each in rows} == {"not run"}


@pytest.mark.parametrize(
    ("level", "seeds", "outcome"),
    [(0.987, 5, "reproduced"), (0.90, 5, "differs"), (0.987, 2, "not enough seeds")],
)
def test_outcomes(level, seeds, outcome):
    found = row(*runs(level, seeds))
    assert found.verdict.outcome == outcome
    assert found.margin == 0.01
    assert found.components is not None


@pytest.mark.parametrize("options", [{"iterations": 3000}, {"changes": {"inner_lr": 0.1}}])
def test_other_runs_are_no_evidence(options):
    assert row(*runs(0.987, **options)).verdict.outcome == "not run"


def test_of_two_copies_of_the_data_the_one_with_more_seeds_is_judged():
    def copy(record):
        data = structs.replace(record.data, fingerprint="other")
        record = structs.replace(record, data=data)
        return structs.replace(record, key=run_key(record))

    few = [copy(record) for record in runs(0.90, 3)]
    found = row(*few, *(runs(0.987)))
    assert len(found.cell.records) == 5


def test_a_margin_of_an_mse_is_a_share_of_the_number_and_each_step_is_judged():
    records = [make_record("sinusoid", "maml", seed, level=0.35) for seed in range(3)]
    rows = [each for each in judged(collect(records).cells) if each.cell]
    assert [each.step for each in rows] == [1, 5, 10]
    assert [each.margin for each in rows] == pytest.approx([0.1675, 0.095, 0.0875])


def test_a_mean_that_is_not_finite_differs_and_is_shown():
    records = [make_record("sinusoid", "maml", seed, level=0.35, diverged=1) for seed in range(3)]
    rows = judged(collect(records).cells)
    assert [each.verdict.outcome for each in rows if each.cell][1:] == ["differs", "differs"]
    assert "diverged on 3 of 1,800 tasks" in "\n".join(render_summary(rows))


def test_the_summary_counts():
    text = "\n".join(render_summary(judged(collect(runs(0.987)).cells)))
    printed = sum(len(setting.paper) for setting in SETTINGS.values())
    assert f"{printed} published numbers 1 have runs" in text
    left = f"{printed - 1} are not run"
    assert f"1 reproduced, 0 consistent, 0 differ, 0 have not enough seeds; {left}" in text
    assert "1 numbers have 3 seeds or more" in text


def test_notes_on_printed_numbers_stand_in_the_summary_and_in_table_1():
    for blocks in (render_summary(judged([])), render_table1([])):
        text = "\n".join(blocks)
        numbers = set(re.findall(r"(?:siamese-nets|Siamese nets \(Koch, 2015\)) <sup>(\d+)", text))
        (number,) = numbers
        assert f"<sup>{number}</sup> {FOOTNOTES['siamese-nets'].text}" in text
        # Others are on how we train, and stand beside runs.
        assert FOOTNOTES["matching-networks"].text not in text


def test_a_single_run_may_differ_from_our_mean_and_be_one_of_ours():
    levels = (0.90, 0.92, 0.94, 0.96, 0.93, 0.95)
    made = [make_record(OMNIGLOT, "maml", seed, level=0.9) for seed in range(6)]
    records = [exactly(record, level) for record, level in zip(made, levels, strict=True)]
    found = row(*records)
    assert found.verdict.shown
    assert found.words == "consistent, wide"
    text = "\n".join(render_summary(judged(collect(records).cells)))
    assert "1 consistent (1 of them wide), 0 differ" in text
    assert "87.3 to 99.4" in text
    assert row(*records[:2]).next_seed is None


def test_a_difference_in_our_favour_is_told_in_words():
    assert row(*runs(0.9925)).words == "reproduced, better by 0.5"
    assert row(*runs(0.9815)).words == "reproduced"


def test_methods_are_compared_on_the_seeds_that_both_have():
    others = runs(0.9, 4, method="fomaml")[1:]
    text = "\n".join(render_paired(collect([*runs(0.98, 3), *others]).cells))
    (line,) = (line for line in text.splitlines() if "maml - fomaml" in line)
    assert "+8.0" in line
    assert "± 0.0 " in line
    assert line.rstrip("| ").endswith("2")


def test_a_method_of_another_paper_is_compared_on_the_tasks_of_the_setting():
    """Trained on its own split it met other tasks; with the setting's data and tasks, the same."""
    setting = get_setting(OMNIGLOT)
    ours = runs(0.98, 3)
    rival, shared = (
        "matching-networks",
        protocols_by_name(setting, "matching-networks")["shared-tasks"],
    )
    own = [make_record(OMNIGLOT, rival, seed, level=0.9) for seed in range(3)]
    assert render_paired(collect([*ours, *own]).cells) == []
    data = {
        name: getattr(setting.config, name) for name in ("split", "rotations", "rotated_classes")
    }
    moved = [structs.replace(each, config=structs.replace(each.config, **data)) for each in own]
    assert render_paired(collect([*ours, *moved]).cells) == []
    same = [structs.replace(each, protocol=shared) for each in moved]
    text = "\n".join(render_paired(collect([*ours, *same]).cells))
    (line,) = (line for line in text.splitlines() if "maml - matching-networks" in line)
    assert "60,000 / 30,000" in line
    assert "+7.8" in line
    assert line.rstrip("| ").endswith("3")
    changed = [
        structs.replace(each, config=structs.replace(each.config, meta_lr=0.1)) for each in same
    ]
    assert render_paired(collect([*ours, *changed]).cells) == []


def test_two_methods_of_other_papers_are_compared_with_one_another():
    pair = ("siamese-nets", "matching-networks")
    made = [make_record(OMNIGLOT, rival, 0, level=0.9) for rival in pair]
    assert "siamese-nets - matching-networks" in "\n".join(render_paired(collect(made).cells))


def test_runs_of_another_length_or_split_are_not_compared():
    other = make_record(OMNIGLOT, "fomaml", 0, level=0.9, iterations=3000)
    assert render_paired(collect([*runs(0.98, 1), other]).cells) == []
    longer = make_record(OMNIGLOT, "maml", 0, level=0.9, iterations=2000)
    assert render_paired(collect([longer, other]).cells) == []


@pytest.mark.parametrize(
    ("standing", "asked"), [((), (0, 1, 2, 3, 4)), ((1, 2, 3, 4, 5), ()), ((1, 3, 7), (0, 2))]
)
def test_the_lowest_seeds_that_make_five_are_asked_for(standing, asked):
    records = [make_record(OMNIGLOT, "maml", seed, level=0.9) for seed in standing]
    jobs = missing_jobs(judged(collect(records).cells))
    found = [job.seeds for job in jobs if (job.setting, job.method) == (OMNIGLOT, "maml")]
    assert found == ([asked] if asked else [])
