"""Learning curves."""

from collections.abc import Sequence
from functools import partial
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from suite.report.cells import Cell
from suite.report.figures.marks import (
    CELLS_DRAWN,
    ROUND,
    SEED,
    count_of,
    datasets,
    heights,
    method_keys,
    part_of,
    scale_y,
    thinned,
)
from suite.report.figures.plot import Plot, draw_labels
from suite.report.figures.style import colour, label
from suite.report.selection import (
    SEEDS_DRAWN,
    Panel,
    curve_of,
    curve_unit,
    curves_of,
    methods_of,
    panels_of,
)


def learning_curves(cells: Sequence[Cell]) -> Plot | None:
    """The validation metric during training, a panel for each setting."""
    found = [panel for dataset in datasets() for panel in panels_of(cells, dataset)]
    panels = [panel for panel in found if any(map(curves_of, panel.cells))]
    if not panels:
        return None
    methods = methods_of([cell for panel in panels for cell in panel.cells if curves_of(cell)])
    parts = []
    for panel in panels:
        drawn = [cell for cell in panel.cells if curves_of(cell)][:CELLS_DRAWN]
        parts.append(part_of(panel, drawn, _curve_end, partial(_draw_curves, methods=methods)))
    lead = (
        "One meta-batch of validation tasks at each point; of policies, the last that was trained "
        "on, before that, after the inner step. Thin lines are single seeds, "
        "strong ones their mean."
    )
    return Plot(
        name="learning-curves",
        title="Learning curves",
        lead=lead,
        parts=tuple(parts),
        keys=method_keys(methods),
    )


def _draw_curves(
    axes: Axes, *, panel: Panel, cells: Sequence[Cell], methods: Sequence[str]
) -> None:
    metric, (unit, shown) = panel.setting.metric, curve_unit(panel.setting)
    for cell in cells:
        seeds = [(record.seed, curve_of(record)) for record in cell.records[:SEEDS_DRAWN]]
        name, tint = label(cell.method), colour(cell.method, methods)
        lines = [(f"{name}, seed {seed}", curve, {**SEED}) for seed, curve in seeds if curve]
        count = count_of(len(curves_of(cell)))
        lines.append((f"{name}, mean of {count}", _mean_curve(cell), {"zorder": 3}))
        for named, curve, style in lines:
            points = thinned(sorted(curve.items()))
            x, y = [at / unit for at, _ in points], [metric.scale * value for _, value in points]
            axes.plot(x, y, color=tint, label=named, **style)
    last = max((max(curve) for cell in cells for curve in curves_of(cell)), default=unit)
    axes.set_xlim(0, last / unit)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
    draw_labels(axes, shown, f"validation {metric.axis_label}")
    scale_y(axes, heights(axes), log=metric.log_axis, limit=metric.axis_limit)


def _mean_curve(cell: Cell) -> dict[int, float]:
    """The mean over the seeds at the points that all of them have."""
    curves = curves_of(cell)
    shared = set(curves[0]).intersection(*curves[1:])
    return {at: fmean(curve[at] for curve in curves) for at in sorted(shared)}


def _curve_end(cell: Cell) -> str:
    curve = _mean_curve(cell)
    if not curve:
        return "no point that all seeds share"
    last = max(curve)
    shown = cell.setting.metric.number(curve[last])
    return f"{shown} at {last:,} iterations, mean of {count_of(len(curves_of(cell)))}"
