"""The paper's Figures 2 and 7: sinusoids, the examples given of them, and what was learned."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from suite.registry import Record
from suite.registry.schema import Example
from suite.report.cells import Cell
from suite.report.figures.marks import DIAMOND, scale_y
from suite.report.figures.plot import Key, Part, Plot, draw_labels
from suite.report.figures.style import INK, PAPER, TRUTH, colour, label
from suite.report.selection import Fits, fits_of

_GIVEN: dict[str, Any] = {**DIAMOND, "color": INK, "markeredgecolor": PAPER}
_TRUTH: dict[str, Any] = {"color": TRUTH, "linewidth": 5.0}
_STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "0": ("before any step", {"linewidth": 1.4, "linestyle": (0, (1, 3))}),
    "1": ("after 1 step", {"linewidth": 1.5, "linestyle": (0, (4, 3))}),
    "10": ("after 10 steps", {}),
}
_SAMPLES = 4


def sinusoid_fits(cells: Sequence[Cell]) -> Plot | None:
    """The paper's Figure 2: a panel for each number of examples and method, on one scale."""
    found, warning = fits_of(cells)
    if not found:
        return None
    return Plot(
        name="sinusoid-fits",
        title="Sinusoids: a task and its fit",
        lead="One test task, adapted on few examples: the first of the lowest seed that all have.",
        parts=_parts(found[0], warning),
        keys=_keys(),
        columns=2,
        one_scale=True,
    )


def sinusoid_samples(cells: Sequence[Cell]) -> Plot | None:
    """The paper's Figure 7: a row of such panels for each of some further tasks, on one scale."""
    found, warning = fits_of(cells)
    samples = found[1 : 1 + _SAMPLES]
    if not samples:
        return None
    return Plot(
        name="sinusoid-samples",
        title="Sinusoids: further tasks and their fits",
        lead="The next test tasks of the lowest seeds that all have. They are drawn at random.",
        parts=tuple(part for fits in samples for part in _parts(fits, warning)),
        keys=_keys(),
        columns=4,
        one_scale=True,
    )


def _parts(fits: Fits, warning: str) -> tuple[Part, ...]:
    task, runs = fits
    return tuple(
        Part(
            title=f"{label(record.method)}, {record.protocol.k_shot} examples",
            warning=warning,
            description=_fit_errors(record, task),
            draw=partial(_draw_fit, record=record, task=task),
        )
        for record in runs.values()
    )


def _keys() -> tuple[Key, ...]:
    ink = {"color": INK}
    steps = (Key(label=name, style=ink | style) for name, style in _STEPS.values())
    truth = Key(label="truth", style=_TRUTH)
    return truth, Key(label="examples given", style=_GIVEN), *steps


def _draw_fit(axes: Axes, *, record: Record, task: int) -> None:
    example = record.examples[task]
    step_size = record.selected.get("step_size", record.config.inner_lr)
    name, tint = label(record.method), colour(record.method)
    axes.plot(example.x, example.truth, **_TRUTH)
    fits = []
    for step, y in _fitted(example).items():
        steps, style = _STEPS[step]
        axes.plot(example.x, y, color=tint, label=f"{name}, {steps}", **style)
        fits += y
    axes.plot(example.support_x, example.support_y, label="an example given", zorder=5, **_GIVEN)
    # A fit that runs away is cut off at twice the truth.
    bound = 2.0 * max(map(abs, example.truth))
    kept = [value for value in fits if abs(value) <= bound]
    axes.set_xlim(min(example.x), max(example.x))
    draw_labels(axes, f"x (step size {step_size:g})", "y")
    scale_y(axes, [*example.truth, *example.support_y, *kept])


def _fitted(example: Example) -> dict[str, list[float]]:
    """The outputs to draw, by step; NaN where one is not finite."""
    return {
        step: [math.nan if value is None else value for value in example.by_step[step]]
        for step in _STEPS
        if step in example.by_step
    }


def _fit_errors(record: Record, task: int) -> str:
    """A sentence that gives the errors over the drawn inputs, to three digits."""
    example = record.examples[task]
    truth = np.array(example.truth)
    errors = []
    for step, y in _fitted(example).items():
        error = float(np.mean((np.array(y) - truth) ** 2))
        shown = f"{error:.3g}" if math.isfinite(error) else "not finite"
        errors.append(f"{shown} {_STEPS[step][0]}")
    head = f"Seed {record.seed}, task {task}. Mean squared error over the range drawn:"
    return f"{head} {', '.join(errors)}."
