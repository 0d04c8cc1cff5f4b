"""No text of a record passes into a report, a terminal or a csv file as anything but text."""

import csv
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from suite import escape
from suite.cli.inspect import diff_command
from suite.cli.reading import Diff, Show
from suite.cli.show import show_command
from suite.registry import Registry, run_key
from suite.registry.export import write_frame
from suite.registry.schema import Failure
from suite.report.page import render_page
from suite.report.record import describe, differing
from suite.report.tables.overview import render_overview
from suite.report.tables.render import render_tables
from tests.report.make_golden import fail, make_record

ATTACKS = (
    "x\n# owned\n",
    "<script>owned()</script>",
    "[owned](javascript:owned)",
    "<javascript:owned>",
    "`</code><img src=owned onerror=owned()>",
    "x | owned | \x1b[31mowned\x9b0m\u202e",
    "=owned()",
    "+owned",
    "-owned",
    "@owned",
)


def hostile(attack):
    """A run and a failed one, with `attack` in every text that a record may have."""
    first = make_record(
        "omniglot-5way-1shot",
        "maml",
        0,
        level=0.9,
        options={f"a{attack}": attack},
        selected={attack: 0.5},
    )
    fields = {name: getattr(first.provenance, name) for name in first.provenance.__struct_fields__}
    texts = {name: attack for name, value in fields.items() if isinstance(value, str)}
    provenance = structs.replace(
        first.provenance,
        **texts,
        versions={attack: attack},
        weights_sha256=attack,
        best_weights_sha256=attack,
        training_commits=(attack,),
    )
    data = structs.replace(first.data, name=attack, fingerprint=attack, warnings=(attack,))
    protocol = structs.replace(first.protocol, name=attack)
    run = structs.replace(first, provenance=provenance, data=data)
    found = [run, structs.replace(run, protocol=protocol)]
    failure = Failure(exception=attack, message=attack, last_lines=(attack,))
    found.append(structs.replace(fail(run), seed=1, failure=failure))
    # Another copy of the data, so that labels tell them apart.
    found.append(make_record("omniglot-5way-1shot", "maml", 2, level=0.9))
    return [structs.replace(each, key=run_key(each)) for each in found]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_text_is_shown_as_text_everywhere(attack, tmp_path, capsys):
    registry = Registry(tmp_path / "results")
    records = hostile(attack)
    for record in records:
        registry.write(record)
    found = registry.load()
    tables = render_tables(found, results_link="../results")
    page = render_page(found, results_link="../results")
    for text in (tables, page):
        assert not unprintable(text)
        assert not re.search(r"<(script>owned|img|javascript)", text)
    assert not re.search(r"^# owned", tables, re.MULTILINE)
    # Within a code span nothing is a link.
    assert not re.search(r"(?<!\\)\]\(javascript", re.sub("`[^`]*`", "", tables))
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in _table(tables, "software")}
    assert len(widths) == 1
    shown = [render_overview(found)]
    for record in found:
        shown += [part for line in describe(record) for part in line]
        shown += [part for each in differing(found[0], record) for part in vars(each).values()]
    assert not any(map(unprintable, shown))
    for as_json in (False, True):
        first, second = (each.key for each in records[:2])
        show_command(Show(run=first, results=registry.root, json=as_json))
        diff_command(Diff(first=first, second=second, results=registry.root, json=as_json))
    assert not unprintable(capsys.readouterr().out)
    write_frame(registry.root, tmp_path / "runs.csv")
    rows = list(csv.reader((tmp_path / "runs.csv").read_text("utf-8").splitlines()))
    for cell in (cell for row in rows for cell in row):
        assert not unprintable(cell)
        assert not cell.lstrip().startswith(("=", "+", "@", "-"))


def test_a_negative_number_stays_a_number_in_a_csv_file(tmp_path):
    registry = Registry(tmp_path / "results")
    registry.write(make_record("point-navigation", "maml", 0, level=-4.0))
    write_frame(registry.root, tmp_path / "runs.csv")
    (row,) = csv.DictReader((tmp_path / "runs.csv").read_text("utf-8").splitlines())
    assert float(row["mean"]) < 0


def unprintable(text):
    return [each for each in text if not each.isprintable() and each != "\n"]


def _table(tables, header):
    lines = tables.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {header}"))
    return [line for line in lines[start:] if line.startswith("|")][:3]


@given(st.text())
def test_each_format_passes_nothing_but_text(text):
    for made in (escape.markdown(text), escape.code(text), escape.marked(text), escape.html(text)):
        assert made.isprintable()
    assert not re.search(r"(?<!\\)[*_\[\]|~#]", escape.markdown(text).replace("\\\\", ""))
    assert not re.search("[<>]", escape.markdown(text) + escape.html(text))
    assert not escape.cell(text).lstrip().startswith(("=", "+", "-", "@"))
    quoted = escape.json(json.dumps(text, ensure_ascii=False)) if _sound(text) else '""'
    assert quoted.isprintable()
    assert json.loads(quoted) == (text if _sound(text) else "")


def _sound(text):
    return not any("\ud800" <= each <= "\udfff" for each in text)
