"""The figures of files and page: a function each, from cells to a plot or None.

A new one is a function that is added to `FIGURES`.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator

from suite.registry import Record
from suite.registry.schema import Example
from suite.report import text
from suite.report.cells import Cell
from suite.report.numbers import paper_number, step_means
from suite.report.plot import Key, Part, Plot, draw_labels
from suite.report.selection import (
    SEEDS_DRAWN,
    Panel,
    curve_of,
    curve_unit,
    curves_of,
    fits_of,
    methods_of,
    panels_of,
    protocols_of,
)
from suite.report.style import INK, PAPER, SOFT, TRUTH, colour, label
from suite.settings import SETTINGS, Problem
from suite.stats import ci95_seeds

Lines = npt.NDArray[np.float64]

CELLS_DRAWN = 12
"""Of a panel."""
POINTS_DRAWN = 100
"""Of a line with more, so many of them, evenly spaced."""
_ROUND = (1, 2, 5, 10)
"""What ticks are multiples of, and of their powers of ten."""
_SEED: dict[str, Any] = {"linewidth": 1.0, "alpha": 0.38}
_BAND: dict[str, Any] = {"alpha": 0.16, "linewidth": 0}
_DIAMOND: dict[str, Any] = {"linestyle": "none", "marker": "D", "markersize": 7}
_PAPER: dict[str, Any] = {**_DIAMOND, "markeredgecolor": INK, "markeredgewidth": 1.2}
_GIVEN: dict[str, Any] = {**_DIAMOND, "color": INK, "markeredgecolor": PAPER}
_TRUTH: dict[str, Any] = {"color": TRUTH, "linewidth": 5.0}
_STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "0": ("before any step", {"linewidth": 1.4, "linestyle": (0, (1, 3))}),
    "1": ("after 1 step", {"linewidth": 1.5, "linestyle": (0, (4, 3))}),
    "10": ("after 10 steps", {}),
}


def sinusoid_fits(cells: Sequence[Cell]) -> Plot | None:
    """The paper's Figure 2: a panel for each number of examples and method, on one scale."""
    runs, warning = fits_of(cells)
    if not runs:
        return None
    parts = [
        Part(
            title=f"{label(record.method)}, {record.protocol.k_shot} examples",
            warning=warning,
            description=_fit_errors(record),
            draw=partial(_draw_fit, record=record),
        )
        for record in runs.values()
    ]
    ink = {"color": INK}
    steps = (Key(label=name, style=ink | style) for name, style in _STEPS.values())
    truth = Key(label="truth", style=_TRUTH)
    return Plot(
        name="sinusoid-fits",
        title="Sinusoids: a task and its fit",
        lead="One test task, adapted on few examples: the first of the lowest seed that all have.",
        parts=tuple(parts),
        keys=(truth, Key(label="examples given", style=_GIVEN), *steps),
        columns=2,
        one_scale=True,
    )


def error_steps(cells: Sequence[Cell]) -> Plot | None:
    """The paper's Figures 3 and 6: error by gradient step, a panel for each number of examples."""
    lead = "Mean squared error, on a logarithmic scale. Bands are 95 % intervals over seeds."
    title = "Sinusoids: error by gradient step"
    return _by_step(cells, "regression", "sinusoid-steps", title, lead)


def accuracy_steps(cells: Sequence[Cell]) -> Plot | None:
    """Test accuracy after 0, 1, ... gradient steps, a panel for each setting."""
    lead = (
        "On the query set of the test tasks. Bands are 95 % intervals over seeds; of two seeds the "
        "seeds themselves are drawn. The authors' own step 0 is on the support set, so it has no "
        "counterpart here."
    )
    title = "Accuracy by gradient step"
    return _by_step(cells, "classification", "accuracy-steps", title, lead)


def return_steps(cells: Sequence[Cell]) -> Plot | None:
    """The paper's Figures 4 and 5: return by gradient step, a panel for each environment."""
    lead = (
        "Mean return on the paper's 40 test goals. Bands are 95 % intervals over seeds, thin lines "
        "single seeds. The paper's numbers are of one trained model each, its intervals over goals."
    )
    title = "Reinforcement learning: return by gradient step"
    return _by_step(cells, "policies", "return-steps", title, lead, seeds=True)


def learning_curves(cells: Sequence[Cell]) -> Plot | None:
    """The validation metric during training, a panel for each setting."""
    found = [panel for dataset in _datasets() for panel in panels_of(cells, dataset)]
    panels = [panel for panel in found if any(map(curves_of, panel.cells))]
    if not panels:
        return None
    methods = methods_of([cell for panel in panels for cell in panel.cells if curves_of(cell)])
    parts = []
    for panel in panels:
        drawn = [cell for cell in panel.cells if curves_of(cell)][:CELLS_DRAWN]
        parts.append(_part(panel, drawn, _curve_end, partial(_draw_curves, methods=methods)))
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
        keys=_method_keys(methods),
    )


FIGURES: tuple[Callable[[Sequence[Cell]], Plot | None], ...] = (
    sinusoid_fits,
    error_steps,
    accuracy_steps,
    return_steps,
    learning_curves,
)


def _datasets(problem: Problem | None = None) -> list[str]:
    """Those of the settings, in their order."""
    configs = [setting.config for setting in SETTINGS.values()]
    return list(dict.fromkeys(c.dataset for c in configs if problem in (None, c.problem)))


def _by_step(
    cells: Sequence[Cell],
    problem: Problem,
    name: str,
    title: str,
    lead: str,
    *,
    seeds: bool = False,
) -> Plot | None:
    """Scores after 0, 1, ... steps; with `seeds`, single ones beside their mean."""
    panels = [
        panel
        for dataset in _datasets(problem)
        for protocol in protocols_of(dataset)
        for panel in panels_of(cells, dataset, protocol)
    ]
    if not panels:
        return None
    methods = methods_of([cell for panel in panels for cell in panel.cells])
    draw = partial(_draw_steps, methods=methods, seeds=seeds)
    parts = [_part(panel, panel.cells[:CELLS_DRAWN], _step_ends, draw) for panel in panels]
    paper = Key(label="the paper's number, in its method's colour", style=_PAPER | {"color": SOFT})
    printed = any(panel.setting.paper for panel in panels)
    return Plot(
        name=name,
        title=title,
        lead=lead,
        parts=tuple(parts),
        keys=(*_method_keys(methods), *([paper] if printed else [])),
        one_scale=panels[0].setting.metric.log_axis,
    )


def _part(
    panel: Panel, cells: Sequence[Cell], told: Callable[[Cell], str], draw: Callable[..., None]
) -> Part:
    """A panel of `cells`, each of which `told` describes."""
    return Part(
        title=panel.title,
        warning=panel.warning,
        description=" ".join(f"{label(cell.method)}: {told(cell)}." for cell in cells),
        draw=partial(draw, panel=panel, cells=cells),
    )


def _method_keys(methods: Sequence[str]) -> tuple[Key, ...]:
    return tuple(
        Key(label=label(method), style={"color": colour(method, methods)}) for method in methods
    )


def _draw_steps(
    axes: Axes, *, panel: Panel, cells: Sequence[Cell], methods: Sequence[str], seeds: bool
) -> None:
    metric, most = panel.setting.metric, max(cell.protocol.steps for cell in cells)
    for cell in cells:
        runs = metric.scale * _step_lines(cell)
        tint = colour(cell.method, methods)
        if seeds or len(runs) == 2:
            axes.plot(runs[:SEEDS_DRAWN].T, color=tint, **_SEED)
        if len(runs) > 2:
            # The interval of two seeds is so wide (t is 12.7) that it would hide all else.
            mean, widths = runs.mean(axis=0), [ci95_seeds(column) for column in runs.T]
            half = np.array([math.nan if width is None else width for width in widths])
            axes.fill_between(range(len(mean)), mean - half, mean + half, color=tint, **_BAND)
        named = f"{label(cell.method)}, mean of {_count(len(runs))}"
        axes.plot(runs.mean(axis=0), color=tint, marker="o", markersize=4.4, label=named)
    if not panel.warning:
        _draw_paper(axes, panel, methods)
    axes.set_xlim(-0.4, most + 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=_ROUND, integer=True))
    draw_labels(axes, "gradient steps", f"test {metric.axis_label}")
    _scale(axes, _heights(axes), log=metric.log_axis, limit=metric.axis_limit)


def _step_lines(cell: Cell) -> Lines:
    """Mean over tasks, (seed, step)."""
    return np.array([step_means(record, cell.setting.metric.name) for record in cell.records])


def _draw_paper(axes: Axes, panel: Panel, methods: Sequence[str]) -> None:
    """The printed numbers, with the interval over tasks where the paper prints it."""
    setting, protocol = panel.setting, panel.cells[0].protocol
    scale = setting.metric.scale
    for method in methods:
        for step in range(protocol.steps + 1):
            printed = paper_number(setting, method, protocol, step)
            if printed is None:
                continue
            if printed.ci95_tasks is not None:
                ends = (printed.value - printed.ci95_tasks, printed.value + printed.ci95_tasks)
                axes.vlines(step, scale * ends[0], scale * ends[1], INK, linewidth=1.2, zorder=4)
            named = f"{label(method)}, the paper: {text.paper_cell(printed, setting)}"
            tint = colour(method, methods)
            axes.plot(step, scale * printed.value, color=tint, label=named, zorder=5, **_PAPER)


def _step_ends(cell: Cell) -> str:
    """The first and the last step, over all seeds."""
    means, metric = _step_lines(cell).mean(axis=0), cell.setting.metric
    ends = (float(means[0]), float(means[-1]))
    shown = [metric.number(mean) if math.isfinite(mean) else "not finite" for mean in ends]
    if len(means) == 1:
        return f"{shown[0]} without a step"
    return f"{shown[0]} before any step, {shown[1]} after {len(means) - 1}"


def _draw_curves(
    axes: Axes, *, panel: Panel, cells: Sequence[Cell], methods: Sequence[str]
) -> None:
    metric, (unit, shown) = panel.setting.metric, curve_unit(panel.setting)
    for cell in cells:
        seeds = [(record.seed, curve_of(record)) for record in cell.records[:SEEDS_DRAWN]]
        name, tint = label(cell.method), colour(cell.method, methods)
        lines = [(f"{name}, seed {seed}", curve, {**_SEED}) for seed, curve in seeds if curve]
        count = _count(len(curves_of(cell)))
        lines.append((f"{name}, mean of {count}", _mean_curve(cell), {"zorder": 3}))
        for named, curve, style in lines:
            points = thinned(sorted(curve.items()))
            x, y = [at / unit for at, _ in points], [metric.scale * value for _, value in points]
            axes.plot(x, y, color=tint, label=named, **style)
    last = max((max(curve) for cell in cells for curve in curves_of(cell)), default=unit)
    axes.set_xlim(0, last / unit)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=_ROUND))
    draw_labels(axes, shown, f"validation {metric.axis_label}")
    _scale(axes, _heights(axes), log=metric.log_axis, limit=metric.axis_limit)


def _mean_curve(cell: Cell) -> dict[int, float]:
    """Over the seeds, where all of them have a point."""
    curves = curves_of(cell)
    shared = set(curves[0]).intersection(*curves[1:])
    return {at: fmean(curve[at] for curve in curves) for at in sorted(shared)}


def _curve_end(cell: Cell) -> str:
    curve = _mean_curve(cell)
    if not curve:
        return "no point that all seeds share"
    last = max(curve)
    shown = cell.setting.metric.number(curve[last])
    return f"{shown} at {last:,} iterations, mean of {_count(len(curves_of(cell)))}"


def _draw_fit(axes: Axes, *, record: Record) -> None:
    example = record.examples[0]
    step_size = record.selected.get("step_size", record.config.inner_lr)
    name, tint = label(record.method), colour(record.method)
    axes.plot(example.x, example.truth, **_TRUTH)
    fits = []
    for step, y in _fitted(example).items():
        told, style = _STEPS[step]
        axes.plot(example.x, y, color=tint, label=f"{name}, {told}", **style)
        fits += y
    axes.plot(example.support_x, example.support_y, label="an example given", zorder=5, **_GIVEN)
    # A fit that runs away is cut off at twice the truth.
    bound = 2.0 * max(map(abs, example.truth))
    kept = [value for value in fits if abs(value) <= bound]
    axes.set_xlim(min(example.x), max(example.x))
    draw_labels(axes, f"x (step size {step_size:g})", "y")
    _scale(axes, [*example.truth, *example.support_y, *kept])


def _fitted(example: Example) -> dict[str, list[float]]:
    """What is drawn, by step; NaN where it is not finite."""
    return {
        step: [math.nan if value is None else value for value in example.by_step[step]]
        for step in _STEPS
        if step in example.by_step
    }


def _fit_errors(record: Record) -> str:
    """Over the inputs that are drawn, to three digits."""
    truth = np.array(record.examples[0].truth)
    errors = []
    for step, y in _fitted(record.examples[0]).items():
        error = float(np.mean((np.array(y) - truth) ** 2))
        shown = f"{error:.3g}" if math.isfinite(error) else "not finite"
        errors.append(f"{shown} {_STEPS[step][0]}")
    return f"Seed {record.seed}. Mean squared error over the range drawn: {', '.join(errors)}."


def _heights(axes: Axes) -> Lines:
    """Those of lines and points; an axis is not stretched for a band or a whisker."""
    found = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    return np.concatenate(found) if found else np.empty(0)


def _scale(
    axes: Axes, values: Iterable[float], *, log: bool = False, limit: float = math.inf
) -> None:
    """The y axis around the finite ones of `values`, with a little room, up to `limit`."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = min(finite, default=1.0), max(finite, default=1.0)
    if log:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.6, high * 1.6)
        fine = (1.0, 2.0, 5.0) if high < 100 * low else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=fine))
        axes.yaxis.set_minor_formatter(lambda *_: "")
    else:
        room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.05
        axes.set_ylim(low - room, min(max(limit, high), high + room))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=_ROUND))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `POINTS_DRAWN` of them, the first and the last included."""
    last, kept = len(points) - 1, POINTS_DRAWN - 1
    if last <= kept:
        return list(points)
    return [points[round(at * last / kept)] for at in range(POINTS_DRAWN)]


def _count(seeds: int) -> str:
    return f"{seeds} seed{'' if seeds == 1 else 's'}"
