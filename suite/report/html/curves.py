"""Learning curves: one panel."""

from collections.abc import Sequence
from statistics import fmean

from suite.report.cells import Cell
from suite.report.html.axes import Axis, linear, logarithmic
from suite.report.html.charts import Chart, Line
from suite.report.html.parts import CELLS_DRAWN, factor, thinned
from suite.report.html.tints import label, tint
from suite.report.selection import SEEDS_DRAWN, Panel, curve_of, curve_unit, curves_of
from suite.settings import Setting


def curve_chart(panel: Panel, methods: Sequence[str], name: str) -> Chart:
    """The validation metric of a panel's cells, single seeds and their mean."""
    setting = panel.setting
    cells = [cell for cell in panel.cells if curves_of(cell)][:CELLS_DRAWN]
    seeds = [line for cell in cells for line in _seed_lines(cell, methods)]
    means = [_mean_line(cell, methods) for cell in cells]
    _, shown = curve_unit(setting)
    points = [point for line in (*seeds, *means) for point in line.points]
    last = max((x for x, _ in points), default=0.0) or 1.0
    return Chart(
        id=name,
        title=panel.title,
        warning=panel.warning,
        description=" ".join(_told(cell) for cell in cells),
        x=Axis(low=0.0, high=last, label=shown),
        y=_scale(setting, [y for _, y in points]),
        marks=(*seeds, *means),
    )


def _scale(setting: Setting, values: Sequence[float]) -> Axis:
    if setting.config.problem == "classification":
        return linear(values, "validation accuracy, %", limit=100.0)
    if setting.config.problem == "policies":
        return linear(values, "return after adaptation")
    return logarithmic(values, "validation mean squared error")


def _seed_lines(cell: Cell, methods: Sequence[str]) -> list[Line]:
    drawn = [(record.seed, curve_of(record)) for record in cell.records[:SEEDS_DRAWN]]
    return [
        Line(
            points=_points(curve, cell.setting),
            style=f"seed {tint(cell.method, methods)}",
            label=f"{label(cell.method)}, seed {seed}",
        )
        for seed, curve in drawn
        if curve
    ]


def _mean_curve(cell: Cell) -> dict[int, float]:
    """Over the seeds, where all of them have a point."""
    curves = curves_of(cell)
    shared = set(curves[0]).intersection(*curves[1:])
    return {at: fmean(curve[at] for curve in curves) for at in sorted(shared)}


def _mean_line(cell: Cell, methods: Sequence[str]) -> Line:
    return Line(
        points=_points(_mean_curve(cell), cell.setting),
        style=f"mean {tint(cell.method, methods)}",
        label=f"{label(cell.method)}, mean of {_count(cell)}",
    )


def _points(curve: dict[int, float], setting: Setting) -> list[tuple[float, float]]:
    scale = factor(setting)
    unit, _ = curve_unit(setting)
    return thinned([(at / unit, scale * value) for at, value in sorted(curve.items())])


def _told(cell: Cell) -> str:
    curve = _mean_curve(cell)
    if not curve:
        return f"{label(cell.method)}: no point that all seeds share."
    last = max(curve)
    shown = cell.setting.metric.number(curve[last])
    return f"{label(cell.method)}: {shown} at {last:,} iterations, mean of {_count(cell)}."


def _count(cell: Cell) -> str:
    seeds = len(curves_of(cell))
    return f"{seeds} seed{'' if seeds == 1 else 's'}"
