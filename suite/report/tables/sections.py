"""The sections of the tables file, one a data set: the paper's table first, other runs apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from suite.escape import code, markdown
from suite.report.cells import Category, Cell, Contents, method_order
from suite.report.numbers import best_trained, paper_number, step_means, summary_of
from suite.report.tables import notes, text
from suite.settings import DATA_SETS, SETTINGS, Problem, Protocol, Setting

_OTHER: dict[Category, str] = {
    "variant": "Variants (the schedule of the paper, a changed configuration)",
    "shortened": "Shortened runs (not a reproduction)",
    "lengthened": "Lengthened runs (not a reproduction)",
    "none": "Untrained runs (not a reproduction)",
}
_HEADS: dict[Problem, tuple[str, ...]] = {
    "classification": ("setting", "protocol"),
    "regression": ("examples",),
    "policies": ("setting",),
}
"""The first columns of a table of runs that stand apart."""
_OURS = "ours ± over seeds"
_TASKS = "± over tasks, median of runs"
_CHOSEN = "ours, chosen: the seed with the best training return"


@dataclass(frozen=True, kw_only=True)
class Section:
    """The part of the tables file on one data set, while it is being written."""

    title: str
    settings: tuple[Setting, ...]
    contents: Contents
    results_link: str
    numbering: notes.Numbering = field(default_factory=dict)

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells of this section, of all categories."""
        return [cell for cell in self.contents.cells if cell.setting in self.settings]

    def at(self, category: Category) -> list[Cell]:
        """The cells of one category."""
        return self._by_category.get(category, [])

    @cached_property
    def _by_category(self) -> dict[Category, list[Cell]]:
        categories: dict[Category, list[Cell]] = {}
        for cell in self.cells:
            categories.setdefault(cell.category, []).append(cell)
        return categories

    def siblings(self, cell: Cell) -> list[Cell]:
        """The cells of the same category, setting and method."""
        return self._siblings[cell.category, cell.setting.id, cell.method]

    @cached_property
    def _siblings(self) -> dict[tuple[Category, str, str], list[Cell]]:
        siblings: dict[tuple[Category, str, str], list[Cell]] = {}
        for cell in self.cells:
            siblings.setdefault((cell.category, cell.setting.id, cell.method), []).append(cell)
        return siblings

    def tail(self, cell: Cell | None) -> list[str]:
        """The columns of `COLUMNS`."""
        if cell is None:
            return [text.NOTHING] * len(COLUMNS)
        return [column(self, cell) for column in COLUMNS.values()]


def _seeds(section: Section, cell: Cell) -> str:
    return str(len(cell.records))


def _iterations(section: Section, cell: Cell) -> str:
    return f"{cell.schedule.iterations:,}"


def _records(section: Section, cell: Cell) -> str:
    return text.seed_links(cell, section.results_link, section.contents.weights)


COLUMNS: dict[str, Callable[[Section, Cell], str]] = {
    "seeds": _seeds,
    "iterations": _iterations,
    "records": _records,
}
"""The last columns of every table: the heading, and what it has for the runs of a cell."""


def render_section(
    title: str, datasets: Sequence[str], contents: Contents, results_link: str
) -> list[str]:
    """The blocks on some data sets: tables, lines on what the tables leave out, and footnotes."""
    settings = tuple(each for each in SETTINGS.values() if each.config.dataset in datasets)
    section = Section(title=title, settings=settings, contents=contents, results_link=results_link)
    blocks = [f"## {title}"]
    blocks += [about for name in datasets if (about := DATA_SETS[name].about)]
    blocks += _RENDERED[settings[0].config.problem](section)
    blocks += ["\n".join(notes.choices(section.at("paper")))]
    for category, heading in _OTHER.items():
        if cells := section.at(category):
            blocks += [f"### {heading}", _other_table(section, cells)]
    ids = {setting.id for setting in settings}
    failed = [record for record in contents.failed if record.setting in ids]
    repeated = [record for record in contents.repeated if record.setting in ids]
    blocks += ["\n".join(notes.exclusions(failed, repeated, results_link))]
    blocks += ["\n".join(notes.outdated(section.cells))]
    blocks += ["\n".join(notes.warnings(section.cells))]
    blocks += ["\n".join(notes.footnotes(section.numbering))]
    return [block for block in blocks if block]


def steps_of(setting: Setting) -> tuple[int, ...]:
    """The gradient steps that a setting's table has columns for."""
    named = {number.step for number in setting.paper if number.step is not None}
    return tuple(sorted(named)) or tuple({each.report_step for each in setting.protocols})


def _rows_of(
    section: Section, setting: Setting, protocol: Protocol
) -> list[tuple[str, Cell | None]]:
    """The method of every row that the paper's table has, with our runs or None."""
    cells = [
        cell
        for cell in section.at("paper")
        if cell.setting is setting and cell.protocol == protocol
    ]
    rows: list[tuple[str, Cell | None]] = []
    scored = (method for method in setting.methods if protocol in setting.recipe(method).protocols)
    for method in method_order(setting, [*scored, *(cell.method for cell in cells)]):
        found = [cell for cell in cells if cell.method == method]
        rows += [(method, cell) for cell in found] or [(method, None)]
    return rows


def _label(section: Section, setting: Setting, method: str, cell: Cell | None) -> str:
    name = notes.method_label(cell, section.siblings(cell)) if cell else markdown(method)
    return name + notes.mark(section.numbering, setting, method, cell)


def _accuracies(section: Section) -> list[str]:
    """Rows of method and setting, as the paper's Table 1 has columns."""
    printed_any = any(setting.paper for setting in section.settings)
    rows = []
    for setting in section.settings:
        for protocol in setting.all_protocols:
            for method, cell in _rows_of(section, setting, protocol):
                step = protocol.report_step
                printed = paper_number(setting, method, protocol, step)
                summary = summary_of(cell, step) if cell else None
                paper = text.paper_cell(printed, setting)
                difference = text.difference_cell(summary, printed, setting)
                rows.append(
                    [
                        setting.title,
                        protocol.name,
                        _label(section, setting, method, cell),
                        *([paper] if printed_any else []),
                        text.our_cell(summary, setting) if cell else text.NOT_RUN,
                        *([difference] if printed_any else []),
                        text.tasks_cell(summary, setting),
                        *section.tail(cell),
                    ]
                )
    paper_headers = ["paper"] if printed_any else []
    difference_headers = ["ours - paper"] if printed_any else []
    headers = ["setting", "protocol", "method", *paper_headers, _OURS, *difference_headers, _TASKS]
    return [text.table([*headers, *COLUMNS], rows)]


def _regression(section: Section) -> list[str]:
    """The paper's Table 2, and the same for the numbers of examples that it does not print."""
    (setting,) = section.settings
    printed = {number.protocol for number in setting.paper}
    tables = (
        ("Mean squared error, 5-shot (the paper's Table 2)", True),
        ("Mean squared error, other numbers of examples (no number in the paper)", False),
    )
    blocks = []
    for title, in_paper in tables:
        rows = [
            row
            for protocol in setting.protocols
            if (protocol.name in printed) == in_paper
            for method, cell in _rows_of(section, setting, protocol)
            for row in _step_rows(section, protocol.name, setting, protocol, method, cell)
        ]
        headers = ["examples", "method", "", *_step_headers(steps_of(setting)), *COLUMNS]
        blocks += [f"### {title}", text.table(headers, rows)]
    return blocks


def _returns(section: Section) -> list[str]:
    """The numbers behind the paper's Figures 4 and 5; those of MAML are its Tables 4 and 5."""
    rows = [
        row
        for setting in section.settings
        for protocol in setting.protocols
        for method, cell in _rows_of(section, setting, protocol)
        for row in _step_rows(section, setting.title, setting, protocol, method, cell)
    ]
    steps = steps_of(section.settings[0])
    return [text.table(["setting", "method", "", *_step_headers(steps), *COLUMNS], rows)]


_RENDERED: dict[Problem, Callable[[Section], list[str]]] = {
    "classification": _accuracies,
    "regression": _regression,
    "policies": _returns,
}


def _step_headers(steps: Sequence[int]) -> list[str]:
    return [f"{step} step" + ("" if step == 1 else "s") for step in steps]


def _step_rows(
    section: Section,
    name: str,
    setting: Setting,
    protocol: Protocol,
    method: str,
    cell: Cell | None,
) -> list[list[str]]:
    """The rows of one method, `name` first: paper, ours, over tasks, difference.

    Columns are gradient steps.
    """
    steps = steps_of(setting)
    printed = [paper_number(setting, method, protocol, step) for step in steps]
    head = [name, _label(section, setting, method, cell)]
    plain = [name, markdown(method)]
    empty = [""] * len(COLUMNS)
    paper = [text.paper_cell(number, setting) for number in printed]
    paper_rows = [[*plain, "paper", *paper, *empty]] if any(printed) else []
    for run in (run for run in setting.authors_runs if run.method == method):
        theirs = [setting.metric.number(run.by_step[step]) for step in steps]
        paper_rows.append([*plain, run.label, *theirs, *empty])
    if cell is None:
        return [*paper_rows, [*head, _OURS, *[text.NOT_RUN] * len(steps), *section.tail(None)]]
    summaries = [summary_of(cell, step) for step in steps]
    ours = [text.our_cell(summary, setting) for summary in summaries]
    tasks = [text.tasks_cell(summary, setting) for summary in summaries]
    rows = [
        *paper_rows,
        [*head, _OURS, *ours, *section.tail(cell)],
        [*plain, _TASKS, *tasks, *empty],
    ]
    if any(printed):
        pairs = zip(summaries, printed, strict=True)
        gaps = [text.difference_cell(summary, number, setting) for summary, number in pairs]
        rows.append([*plain, "ours - paper", *gaps, *empty])
    best = best_trained(cell) if setting.config.problem == "policies" else None
    if best is not None and any(printed):
        chosen = [step_means(best, setting.metric.name)[step] for step in steps]
        numbers = [setting.metric.number(mean) for mean in chosen]
        tail = {"seeds": "1", "records": text.link(best, str(best.seed), section.results_link)}
        rows.append([*plain, _CHOSEN, *numbers, *(tail.get(name, "") for name in COLUMNS)])
    return rows


def _other_table(section: Section, cells: Sequence[Cell]) -> str:
    """The table of runs that stand apart: what is changed in them, and no number of the paper."""
    by_step = section.settings[0].metric.by_step
    heads = _HEADS[section.settings[0].config.problem]
    rows = []
    for cell in cells:
        steps = steps_of(cell.setting) if by_step else (cell.protocol.report_step,)
        summaries = [summary_of(cell, step) for step in steps]
        rows.append(
            [
                *(_head(cell, name) for name in heads),
                _label(section, cell.setting, cell.method, cell),
                ", ".join(map(code, cell.changes)) or text.NOTHING,
                *(text.our_cell(summary, cell.setting) for summary in summaries),
                text.tasks_cell(summaries[-1], cell.setting),
                *section.tail(cell),
            ]
        )
    values = _step_headers(steps_of(cells[0].setting)) if by_step else [_OURS]
    tasks = f"{_TASKS}, {values[-1]}" if by_step else _TASKS
    return text.table([*heads, "method", "changed", *values, tasks, *COLUMNS], rows)


def _head(cell: Cell, name: str) -> str:
    """The column `name` of `_HEADS`."""
    return cell.setting.title if name == "setting" else markdown(cell.protocol.name)
