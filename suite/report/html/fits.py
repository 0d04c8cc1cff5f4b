"""The paper's Figure 2: one sinusoid, the examples given of it, and what was learned from them."""

import math
from collections.abc import Sequence

from suite.registry import Record
from suite.registry.schema import Example
from suite.report.cells import Cell
from suite.report.html.axes import Axis, linear
from suite.report.html.charts import Chart, Line, Mark, Point
from suite.report.html.parts import thinned
from suite.report.html.tints import label, tint
from suite.report.selection import fits_of

_STEPS = {
    "0": ("before", "before any step"),
    "1": ("once", "after 1 step"),
    "10": ("after", "after 10 steps"),
}


def fit_charts(cells: Sequence[Cell]) -> list[Chart]:
    """A panel for each number of examples and method, on one scale."""
    runs, warning = fits_of(cells)
    examples = [record.examples[0] for record in runs.values()]
    values = [value for example in examples for value in _heights(example)]
    scale = linear(values, "y")
    return [_chart(record, scale, warning, f"fit-{at}") for at, record in enumerate(runs.values())]


def _chart(record: Record, scale: Axis, warning: str, name: str) -> Chart:
    example = record.examples[0]
    step_size = record.selected.get("step_size", record.config.inner_lr)
    errors = ", ".join(f"{_error(example, step)} {told}" for step, (_, told) in _drawn(example))
    given = f"{record.protocol.k_shot} examples"
    return Chart(
        id=name,
        title=f"{label(record.method)}, {given}",
        warning=warning,
        description=f"Seed {record.seed}. Mean squared error over the range drawn: {errors}.",
        x=Axis(low=min(example.x), high=max(example.x), label=f"x (step size {step_size:g})"),
        y=scale,
        marks=tuple(_marks(record.method, example)),
    )


def _marks(method: str, example: Example) -> list[Mark]:
    marks: list[Mark] = [Line(points=_points(example.x, example.truth), style="truth")]
    for step, (style, told) in _drawn(example):
        points = _points(example.x, example.by_step[step])
        style = f"{style} {tint(method, [method])}"
        marks.append(Line(points=points, style=style, label=f"{label(method)}, {told}"))
    pairs = zip(example.support_x, example.support_y, strict=True)
    given = [Point(at=at, half=None, style="given", label="an example given") for at in pairs]
    return [*marks, *given]


def _drawn(example: Example) -> list[tuple[str, tuple[str, str]]]:
    return [(step, told) for step, told in _STEPS.items() if step in example.by_step]


def _points(x: Sequence[float], y: Sequence[float | None]) -> list[tuple[float, float]]:
    pairs = zip(x, y, strict=True)
    return thinned([(at, math.nan if value is None else value) for at, value in pairs])


def _heights(example: Example) -> list[float]:
    """Of what an axis must hold; a fit that runs away is cut off at twice the truth."""
    bound = 2.0 * max(map(abs, example.truth))
    fitted = [value for step, _ in _drawn(example) for value in example.by_step[step]]
    kept = [value for value in fitted if value is not None and abs(value) <= bound]
    return [*example.truth, *example.support_y, *kept]


def _error(example: Example, step: str) -> str:
    """Mean squared error over the inputs that are drawn, to three digits."""
    pairs = list(zip(example.by_step[step], example.truth, strict=True))
    squares = [(value - truth) ** 2 for value, truth in pairs if value is not None]
    if len(squares) < len(pairs):
        return "not finite"
    return f"{sum(squares) / len(squares):.3g}"
