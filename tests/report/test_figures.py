"""The figures: which runs they show, that they are the same each time, and refusals."""

from pathlib import Path

from make_golden import golden_records, make_record

from suite.report.cells import collect
from suite.report.figures import accuracy_steps, learning_curves, sinusoid_steps
from suite.report.fits import sinusoid_fits
from suite.report.selection import shown
from suite.report.tables import write_figures

OMNIGLOT = "omniglot-5way-1shot"


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    records = list(golden_records())
    first = {path: path.read_bytes() for path in write_figures(records, tmp_path)}
    names = {path.stem for path in first}
    assert {"sinusoid-steps", "sinusoid-fits", "accuracy-steps-omniglot"} <= names
    assert {"learning-curves-sinusoid", "learning-curves-glyphs"} <= names
    assert "accuracy-steps-miniimagenet" not in names
    assert {path: path.read_bytes() for path in write_figures(records[::-1], tmp_path)} == first


def test_no_runs_no_figures(tmp_path: Path) -> None:
    assert write_figures([], tmp_path) == []
    assert sinusoid_steps([]) is None
    assert accuracy_steps([], "omniglot") is None
    assert learning_curves([], "sinusoid") is None


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
    figure = sinusoid_steps(collect(golden_records()).cells)
    assert figure is not None
    assert [len(axes.containers) for axes in figure.axes] == [6, 0, 0]


def test_no_line_of_the_sinusoid_panels_is_cut_off() -> None:
    figure = sinusoid_steps(collect(golden_records()).cells)
    assert figure is not None
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert all(low < min(line.get_ydata()) for line in axes.lines)
        assert all(max(line.get_ydata()) < high for line in axes.lines)


def test_the_papers_points_do_not_stand_beside_shortened_runs() -> None:
    record = make_record(OMNIGLOT, "maml", 0, level=0.9, iterations=3000)
    figure = accuracy_steps(collect([record]).cells, "omniglot")
    assert figure is not None
    assert not figure.axes[0].containers


def test_fits_have_a_panel_for_each_method_and_number_of_examples() -> None:
    figure = sinusoid_fits(collect(golden_records()).cells)
    assert figure is not None
    titles = [axes.get_title(loc="center").rpartition(",")[0] for axes in figure.axes]
    assert titles == ["MAML, K = 5", "pretraining, K = 5", "MAML, K = 10", "pretraining, K = 10"]
    assert all(len(axes.lines) == 5 for axes in figure.axes)


def test_no_fits_where_a_panel_would_be_empty() -> None:
    records = [record for record in golden_records() if record.method != "pretraining"]
    assert sinusoid_fits(collect(records).cells) is None
