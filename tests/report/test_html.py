"""The page: what stands in it, and that it is safe and the same each time."""

import json
import re
import sys
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from matplotlib.figure import Figure
from msgspec import structs

from suite.cli import main
from suite.registry import Registry
from suite.registry.schema import CurvePoint
from suite.report.cells import collect
from suite.report.figures.marks import POINTS_DRAWN
from suite.report.figures.style import COLOURS, styled
from suite.report.page import render_page
from suite.report.page.canvas import svg
from suite.report.page.forest import row_id
from suite.report.tables.render import render_tables
from suite.report.verdicts import judged, numbers
from tests.report.hostile import HOSTILE, hostile_records
from tests.report.make_golden import GOLDEN, golden_records, make_record

OMNIGLOT = "omniglot-5way-1shot"


class Elements(HTMLParser):
    """The names, attributes and texts of a page; refuses elements that are not closed in order."""

    VOID = frozenset({"meta", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(*records) -> str:
    return render_page(records, results_link="../results")


def data_of(page: str) -> dict:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(found)


def column(data: dict, name: str) -> list:
    (found,) = (each for each in data["columns"] if each["name"] == name)
    return found.get("values") or [found["names"][at] for at in found["at"]]


def test_the_order_of_the_records_does_not_matter():
    records = list(golden_records())
    assert page_of(*records) == page_of(*reversed(records))


def test_elements_are_closed_and_ids_are_unique():
    elements = Elements(page_of(*golden_records()))
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(set(ids)) == len(ids)
    named = [attributes.get("aria-labelledby") for _, attributes in elements.found]
    assert {each for names in named if names for each in names.split()} <= set(ids)
    inner = [each for _, each in elements.found if (each.get("href") or "").startswith("#")]
    assert {each["href"] for each in inner} <= {f"#{each}" for each in ids}


def test_every_published_number_stands_with_its_verdict_and_the_numbers_of_the_tables():
    records = list(golden_records())
    page, tables = page_of(*records), render_tables(records, results_link="../results")
    rows = judged(collect(records).cells)
    assert {row.verdict.outcome for row in rows} >= {"not run", "not enough seeds"}
    for row in rows:
        (markup,) = re.findall(rf'<tr id="{row_id(row)}".*?</tr>', page, re.S)
        text = Elements(markup).text
        told = numbers(row)
        for shown in (told.paper, told.ours, told.difference, told.margin, row.verdict.outcome):
            assert shown in text
            assert shown in tables


def test_without_records_every_number_is_not_run_and_no_figure_is_drawn():
    page = page_of()
    assert page.count('<span class="verdict v-not-run">not run</span>') == len(judged([]))
    assert "There are no records yet." in page
    assert "<figure" not in page
    assert data_of(page)["count"] == 0


def test_every_record_is_linked():
    data = data_of(render_page(golden_records(), results_link="results"))
    pairs = zip(column(data, "folder"), column(data, "record"), strict=True)
    linked = {GOLDEN / unquote(f"{data['base']}{folder}/{name}") for folder, name in pairs}
    assert linked == set(Registry(GOLDEN / "results").paths())


def test_scores_and_kinds_of_records_are_those_of_the_tables():
    data = data_of(page_of(*golden_records()))
    assert {"completed", "failed", "rerun, not counted"} == set(column(data, "status"))
    assert {"paper", "variant", "shortened", "none"} <= set(column(data, "kind"))
    assert "OutOfMemoryError: synthetic" in column(data, "failure")
    scores = column(data, "score ± over tasks")
    assert any(re.fullmatch(r"9\d\.\d ± \d\.\d %", score) for score in scores)
    assert any("diverged on 1 of" in score for score in scores)


def test_what_a_record_says_is_text_and_not_markup():
    page = page_of(*hostile_records())
    assert HOSTILE not in page
    scripts = [attributes for name, attributes in Elements(page).found if name == "script"]
    assert scripts == [{"type": "application/json", "id": "data"}, {}]
    assert not any(name == "img" for name, _ in Elements(page).found)
    assert any(HOSTILE in each for each in column(data_of(page), "failure"))


def test_the_page_needs_nothing_from_elsewhere():
    page = page_of(*golden_records())
    assert "default-src 'none'" in page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert not re.search(r'\s(style|on\w+)="', page)


def test_figures_are_drawn_for_what_there_are_runs_of():
    page = page_of(*golden_records())
    for name in ("sinusoid-fits-3", "sinusoid-steps-2", "accuracy-steps-0", "learning-curves-0"):
        assert f'id="{name}-title"' in page
    short = page_of(make_record(OMNIGLOT, "maml", 0, level=0.9, iterations=3000))
    assert "3,000 iterations: not a reproduction" in short
    assert 'id="sinusoid-fits-0-title"' not in short


def test_a_long_curve_is_thinned():
    record = make_record(OMNIGLOT, "maml", 0, level=0.9)
    curve = tuple(
        CurvePoint(iteration=at, train_loss=1.0, train_metric=0.5, validation_metric=0.5)
        for at in range(1, 3001)
    )
    page = page_of(structs.replace(record, curve=curve))
    lines = re.findall(r'<path stroke="var\(--maml\)" [^>]*d="([^"]*)"', page)
    assert max(each.count("L") for each in lines) == POINTS_DRAWN - 1


def drawing(x, y, **style) -> str:
    """A line as the page has it, through `x` and `y` of a figure of 100 x 100 pixels."""
    with styled():
        figure = Figure(figsize=(100 / 72, 100 / 72), dpi=72, facecolor="none")
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 100), ylim=(0, 100), frame_on=False)
        axes.set_axis_off()
        axes.plot(x, y, **style)
        return svg(figure)[0]


def test_a_line_is_lifted_where_a_point_is_not_finite():
    drawn = drawing([0, 1, 2, 3, 4], [100, 98.75, float("nan"), 50, 49], color="#123456")
    assert drawn == '<path stroke="#123456" stroke-width="2" d="M0 0L1 1.2M3 50L4 51"></path>'


def test_a_line_ends_where_the_axes_end():
    drawn = drawing([50, 50], [50, 900], color="#123456")
    (end,) = re.findall(r'd="M50 50L50 (-?\d+)"', drawn)
    assert -2 <= int(end) <= 0


def test_colours_of_the_palette_are_variables_and_a_label_is_a_title():
    drawn = drawing([10, 90], [10, 90], color=COLOURS["maml"][0], alpha=0.5, label="a < b")
    assert drawn.startswith('<g><title>a &lt; b</title><path stroke="var(--maml)"')
    assert 'stroke-opacity="0.5"' in drawn
    assert drawn.endswith("</g>")


def test_dots_are_circles_and_none_stands_where_there_is_no_point():
    dots = drawing([10, 20], [60, float("nan")], marker="o", markersize=4, linestyle="none")
    assert re.findall("<circle [^>]*>", dots) == ['<circle cx="10" cy="40" r="2">']


def test_the_style_has_every_colour_for_light_and_for_dark():
    page = page_of()
    for name, both in COLOURS.items():
        counts = [page.count(f"--{name}: {colour};") for colour in both]
        assert counts == [1, 2]


def test_report_is_checked_as_tables_are(monkeypatch, tmp_path, capsys):
    registry = Registry(tmp_path / "results")
    registry.write(make_record(OMNIGLOT, "maml", 0, level=0.9))

    def call(*arguments: str) -> int:
        common = ("--results", str(registry.root), "--reports", str(tmp_path / "reports"))
        monkeypatch.setattr(sys, "argv", ["suite", "report", *common, *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code

    page = tmp_path / "reports" / "index.html"
    assert call("--check") == 1
    assert call() == 0
    assert "index.html" in capsys.readouterr().out
    before = page.read_bytes()
    assert (call(), page.read_bytes() == before) == (0, True)
    assert call("--check") == 0
    page.write_bytes(before.replace(b"MAML, regenerated", b"MAML"))
    assert call("--check") == 1
    assert "nox -s report" in capsys.readouterr().out
