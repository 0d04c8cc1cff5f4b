"""The figures: which runs they show, that they are the same each time, and refusals."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from msgspec.structs import replace

from suite.report.cells import collect
from suite.report.figures import FIGURES
from suite.report.figures.by_step import accuracy_steps, error_steps
from suite.report.figures.fits import sinusoid_fits, sinusoid_samples
from suite.report.figures.plot import Plot, panel_axes
from suite.report.figures.style import styled
from suite.report.selection import shown
from suite.report.write import render_figures
from tests.report.make_golden import golden_records, make_record

OMNIGLOT = "omniglot-5way-1shot"


def drawn(plot: Plot | None) -> list[Axes]:
    """The panels of a plot, each in a figure of its own as on the page."""
    assert plot is not None
    with styled():
        axes = [panel_axes(Figure(figsize=(5, 3.5))) for _ in plot.parts]
        plot.draw(axes)
    return axes


def diamonds(axes: Axes) -> int:
    return sum(line.get_marker() == "D" for line in axes.lines)


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    records = list(golden_records())
    first = render_figures(records, tmp_path)
    fits = ("sinusoid-fits", "sinusoid-samples", "sinusoid-steps")
    names = ("accuracy-steps", "learning-curves", "return-steps", *fits)
    assert sorted(path.name for path in first) == sorted(
        [*(f"{name}.svg" for name in names), "sinusoid-fits.png"]
    )
    assert render_figures(records[::-1], tmp_path) == first


def test_no_runs_no_figures(tmp_path: Path) -> None:
    assert render_figures([], tmp_path) == {}
    assert [make([]) for make in FIGURES] == [None] * len(FIGURES)


def test_shortened_runs_are_drawn_alone_and_named_so() -> None:
    short = make_record(OMNIGLOT, "maml", 0, level=0.9, iterations=3000)
    full = make_record(OMNIGLOT, "fomaml", 0, level=0.9)
    cells, warning = shown(collect([short]).cells)
    assert [cell.schedule.iterations for cell in cells] == [3000]
    assert warning == "3,000 iterations: not a reproduction"
    cells, warning = shown(collect([short, full]).cells)
    assert [cell.method for cell in cells] == ["fomaml"]
    assert warning == ""


def test_the_papers_points_stand_on_the_5_shot_panel_only() -> None:
    panels = drawn(error_steps(collect(golden_records()).cells))
    assert [diamonds(axes) for axes in panels] == [6, 0, 0]


def test_no_line_of_the_sinusoid_panels_is_cut_off() -> None:
    panels = drawn(error_steps(collect(golden_records()).cells))
    assert len({axes.get_ylim() for axes in panels}) == 1
    for axes in panels:
        low, high = axes.get_ylim()
        assert all(low < min(line.get_ydata()) for line in axes.lines)
        assert all(max(line.get_ydata()) < high for line in axes.lines)


def test_the_papers_points_do_not_stand_beside_shortened_runs() -> None:
    record = make_record(OMNIGLOT, "maml", 0, level=0.9, iterations=3000)
    assert [diamonds(axes) for axes in drawn(accuracy_steps(collect([record]).cells))] == [0]


def test_fits_have_a_panel_for_each_method_and_number_of_examples() -> None:
    plot = sinusoid_fits(collect(golden_records()).cells)
    assert plot is not None
    titles = [part.title for part in plot.parts]
    examples = ("5 examples", "10 examples")
    methods = ("MAML", "pretraining")
    assert titles == [f"{method}, {count}" for count in examples for method in methods]
    assert all(len(axes.lines) == 5 for axes in drawn(plot))


def test_no_fits_where_a_panel_would_be_empty() -> None:
    records = [record for record in golden_records() if record.method != "pretraining"]
    assert sinusoid_fits(collect(records).cells) is None
    assert sinusoid_samples(collect(records).cells) is None


def test_samples_are_the_tasks_after_the_one_of_the_fits() -> None:
    """A record has the first two test tasks of its seed, here with truths of their own."""
    records = []
    for record in golden_records():
        own = [
            replace(example, truth=(float(record.seed), float(task), 0.0))
            for example in record.examples
            for task in range(2)
        ]
        records.append(replace(record, examples=tuple(own)))
    cells = collect(records).cells

    def truths(plot: Plot | None) -> list[tuple[float, float]]:
        return [tuple(axes.lines[0].get_ydata()[:2]) for axes in drawn(plot)]

    assert truths(sinusoid_fits(cells)) == [(0.0, 0.0)] * 4
    after = [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    assert truths(sinusoid_samples(cells)) == [each for each in after for _ in range(4)]
    alone = collect([record for record in records if record.seed == 0]).cells
    assert truths(sinusoid_samples(alone)) == [(0.0, 1.0)] * 4


def test_an_axis_of_accuracies_ends_at_a_hundred() -> None:
    records = [make_record(OMNIGLOT, "maml", seed, level=0.995) for seed in (0, 1, 2)]
    (axes,) = drawn(accuracy_steps(collect(records).cells))
    low, high = axes.get_ylim()
    assert (low < 30.0, high) == (True, 101.0)


def test_ticks_are_round() -> None:
    (axes,) = drawn(accuracy_steps(collect([make_record(OMNIGLOT, "maml", 0, level=0.97)]).cells))
    assert [tick for tick in axes.get_xticks() if 0 <= tick <= 10] == [0, 5, 10]
    low, high = axes.get_ylim()
    assert [tick for tick in axes.get_yticks() if low < tick < high] == [20, 40, 60, 80, 100]
