"""The paper's Table 1 as it is printed: its rows in their order, ours beside each number."""

from collections.abc import Sequence
from dataclasses import dataclass

from suite.escape import markdown
from suite.report.cells import Cell
from suite.report.numbers import paper_number, summary_of
from suite.report.tables import notes, text
from suite.settings import SETTINGS, Protocol, Setting

_CONVOLUTIONAL = tuple(f"omniglot-{way}way-{shot}shot" for way in (5, 20) for shot in (1, 5))
_FULLY_CONNECTED = tuple(f"omniglot-5way-{shot}shot-mlp" for shot in (1, 5))
_MINI = tuple(f"miniimagenet-5way-{shot}shot" for shot in (1, 5))


@dataclass(frozen=True, kw_only=True)
class _Half:
    """One half of the printed table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Each row: the paper's name for it, its method, and its settings from the first column on."""


_HALVES = (
    _Half(
        title="Omniglot",
        columns=("5-way 1-shot", "5-way 5-shot", "20-way 1-shot", "20-way 5-shot"),
        rows=(
            ("MANN, no conv (Santoro et al., 2016)", "mann", _FULLY_CONNECTED),
            ("MAML, no conv", "maml", _FULLY_CONNECTED),
            ("Siamese nets (Koch, 2015)", "siamese-nets", _CONVOLUTIONAL),
            ("matching nets (Vinyals et al., 2016)", "matching-networks", _CONVOLUTIONAL),
            (
                "neural statistician (Edwards & Storkey, 2017)",
                "neural-statistician",
                _CONVOLUTIONAL,
            ),
            ("memory mod. (Kaiser et al., 2017)", "memory-module", _CONVOLUTIONAL),
            ("MAML", "maml", _CONVOLUTIONAL),
        ),
    ),
    _Half(
        title="mini-ImageNet",
        columns=("5-way 1-shot", "5-way 5-shot"),
        rows=(
            ("fine-tuning baseline", "fine-tuning", _MINI),
            ("nearest neighbor baseline", "nearest-neighbour", _MINI),
            ("matching nets (Vinyals et al., 2016)", "matching-networks-ravi", _MINI),
            ("meta-learner LSTM (Ravi & Larochelle, 2017)", "meta-learner-lstm", _MINI),
            ("MAML, first order approx.", "fomaml", _MINI),
            ("MAML", "maml", _MINI),
        ),
    ),
)


def render_table1(cells: Sequence[Cell]) -> list[str]:
    """The blocks of the table, with those of `cells` that are at the paper's schedule."""
    blocks = [
        "## Table 1, as the paper prints it",
        "The paper's rows in its order, in percent: its number, and below it ours with the "
        "interval over seeds and the number of seeds. The paper copied all rows but MAML's from "
        "elsewhere, with the protocols of their sources: the sections below say on which tasks "
        "each was tested.",
    ]
    numbering: notes.Numbering = {}
    for half in _HALVES:
        rows = []
        for label, method, settings in half.rows:
            found = [_numbers(cells, SETTINGS[name], method) for name in settings]
            empty = [("", "")] * (len(half.columns) - len(found))
            paper, ours = zip(*found, *empty, strict=True)
            mark = notes.mark(numbering, SETTINGS[settings[0]], method, None)
            rows += [[markdown(label) + mark, "paper", *paper], ["", "ours", *ours]]
        blocks.append(text.table([half.title, "", *half.columns], rows))
    return blocks + (["\n".join(notes.footnotes(numbering))] if numbering else [])


def _numbers(cells: Sequence[Cell], setting: Setting, method: str) -> tuple[str, str]:
    """The printed number, and ours."""
    for protocol in setting.recipe(method).protocols:
        printed = paper_number(setting, method, protocol, protocol.report_step)
        if printed is not None:
            return text.paper_cell(printed, setting), _ours(cells, setting, method, protocol)
    return text.NOTHING, text.NOTHING


def _ours(cells: Sequence[Cell], setting: Setting, method: str, protocol: Protocol) -> str:
    for cell in cells:
        same = cell.setting is setting and cell.method == method and cell.protocol == protocol
        if same and cell.category == "paper":
            summary = summary_of(cell, protocol.report_step)
            count = len(cell.records)
            return f"{text.our_cell(summary, setting)} ({count} seed{'s' * (count > 1)})"
    return text.NOT_RUN
