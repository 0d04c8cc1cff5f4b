"""The figures of files and page: a function each, from cells to a plot or None.

A new one is a function that is added to `FIGURES`.
"""

from collections.abc import Callable, Sequence

from suite.report.cells import Cell
from suite.report.figures.by_step import accuracy_steps, error_steps, return_steps
from suite.report.figures.curves import learning_curves
from suite.report.figures.fits import sinusoid_fits, sinusoid_samples
from suite.report.figures.plot import Plot

FIGURES: tuple[Callable[[Sequence[Cell]], Plot | None], ...] = (
    sinusoid_fits,
    sinusoid_samples,
    error_steps,
    accuracy_steps,
    return_steps,
    learning_curves,
)
