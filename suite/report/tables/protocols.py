"""What a protocol changes: one trained model, a row a protocol."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from suite.escape import code, markdown
from suite.registry import Record, training_key
from suite.report.cells import Cell, differences
from suite.report.numbers import outcomes
from suite.report.tables import text
from suite.report.tables.notes import method_label
from suite.stats import ci95_tasks

_HEADERS = ("protocol", "what differs", "score ± over tasks", "difference ± paired", "record")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained model, and the records of its scores."""

    cell: Cell
    """The record under the protocol with which the others are compared."""
    base: Record
    others: tuple[tuple[Cell, Record], ...]


def models(cells: Iterable[Cell]) -> list[Model]:
    """The trained models that were scored under more than their setting's own protocols."""
    trained: dict[str, list[tuple[Cell, Record]]] = {}
    for cell in cells:
        for record in cell.records:
            trained.setdefault(training_key(record), []).append((cell, record))
    found = []
    for scorings in trained.values():
        cell = scorings[0][0]
        own = cell.setting.recipe(cell.method).protocols
        base = [each for each in scorings if each[1].protocol == own[0]]
        if base and any(record.protocol not in own for _, record in scorings):
            others = tuple(each for each in scorings if each[1] is not base[0][1])
            found.append(Model(cell=base[0][0], base=base[0][1], others=others))
    return found


def render_protocols(cells: Iterable[Cell], results_link: str) -> list[str]:
    """The blocks of the section; none where there is no model to show."""
    cells = tuple(cells)
    blocks = []
    for model in models(cells):
        record, setting = model.base, model.cell.setting
        length = f"{record.schedule.iterations:,} iterations"
        note = (
            "" if model.cell.category == "paper" else f", {model.cell.category}: not a reproduction"
        )
        label = method_label(model.cell, cells)
        heading = f"### {setting.title}: {label} seed {record.seed}, {length}{note}"
        blocks += [heading, text.table(_HEADERS, _rows(model, results_link))]
    if not blocks:
        return []
    return [
        "## What a protocol changes",
        "One trained model a table, its weights the same in every row but `best-validation`. The "
        "difference is that to the first row, over the test tasks that both have; its ± is 1.96 sd "
        "/ √tasks of the differences, task by task.",
        *blocks,
    ]


def _rows(model: Model, results_link: str) -> list[list[str]]:
    metric, base = model.cell.setting.metric, model.base
    kept = base.metrics[metric.name]
    mean = math.nan if kept.mean is None else kept.mean
    decimals = metric.digits(mean) if math.isfinite(mean) else 2
    shown = metric.interval(mean, kept.ci95_tasks, decimals)
    link = text.link(base, base.key, results_link)
    rows = [[markdown(base.protocol.name), text.NOTHING, shown, text.NOTHING, link]]
    for cell, record in model.others:
        scored, name = _outcomes(record, metric.name), markdown(record.protocol.name)
        differs = ", ".join(map(code, differences(record.protocol, base.protocol)))
        row = _scores(scored, _outcomes(base, metric.name), cell, decimals)
        rows.append(
            [
                name,
                differs,
                *row,
                text.link(record, record.key, results_link),
            ]
        )
    for step in range(1, len(base.per_task[metric.name])):
        if step != base.protocol.report_step:
            scored = outcomes(base, metric.name, step)
            plural = "" if step == 1 else "s"
            row = _scores(scored, _outcomes(base, metric.name), model.cell, decimals)
            rows.append([f"{step} step{plural}", f"`report_step={step}`", *row, "the first"])
    return rows


def _scores(scored: list[float], base: list[float], cell: Cell, decimals: int) -> list[str]:
    metric = cell.setting.metric
    mean = math.fsum(scored) / len(scored)
    paired = _paired(scored, base)
    if not math.isfinite(mean) or paired is None:
        return ["diverged", text.NOTHING]
    difference = metric.number(paired[0], decimals, sign="+")
    return [
        metric.interval(mean, ci95_tasks(scored), decimals),
        f"{difference} ± {metric.number(paired[1], decimals)}",
    ]


def _paired(scored: list[float], base: list[float]) -> tuple[float, float] | None:
    """Mean and interval of the difference over the tasks that both have, None if not finite.

    Test task n of a seed has the same classes and support set under every protocol.
    """
    differences = [ours - other for ours, other in zip(scored, base, strict=False)]
    width = ci95_tasks(differences)
    return None if width is None else (math.fsum(differences) / len(differences), width)


def _outcomes(record: Record, metric: str) -> list[float]:
    """The outcomes after the reported step; where nothing adapts, there is one step only."""
    last = len(record.per_task[metric]) - 1
    return outcomes(record, metric, min(record.protocol.report_step, last))
