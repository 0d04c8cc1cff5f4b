"""The figure sections of the page: a function each, from cells to a section or None.

A new one is a function that is added to `FIGURES`.
"""

from collections.abc import Callable, Iterable, Sequence

from suite.report.cells import Cell
from suite.report.html.charts import draw
from suite.report.html.curves import curve_chart
from suite.report.html.fits import fit_charts
from suite.report.html.parts import Section, section
from suite.report.html.steps import step_charts
from suite.report.html.tints import legend
from suite.report.selection import curves_of, methods_of, panels_of
from suite.settings import ENVIRONMENTS, SETTINGS
from suite.settings.datasets import IMAGE_SHAPE

_PAPER = ("key diamond", "the paper's number, in its method's colour")
_TRUTH = (
    ("key truth", "truth"),
    ("key given", "examples given"),
    ("key before", "before any step"),
    ("key once", "after 1 step"),
    ("key after", "after 10 steps"),
)


def datasets() -> list[str]:
    """Those of the settings, in their order."""
    return list(dict.fromkeys(setting.config.dataset for setting in SETTINGS.values()))


def learning_curves(cells: Sequence[Cell]) -> Section | None:
    """The validation metric during training, a panel for each setting."""
    found = [panel for dataset in datasets() for panel in panels_of(cells, dataset)]
    panels = [panel for panel in found if any(map(curves_of, panel.cells))]
    if not panels:
        return None
    methods = _methods(cell for panel in panels for cell in panel.cells if curves_of(cell))
    drawn = [draw(curve_chart(panel, methods, f"curve-{at}")) for at, panel in enumerate(panels)]
    lead = (
        "One meta-batch of validation tasks at each point; of policies, the last that was trained "
        "on, before that, after the inner step. Thin lines are single seeds, "
        "strong ones their mean."
    )
    return section("curves", "Learning curves", lead, drawn, legend(methods))


def accuracy_by_step(cells: Sequence[Cell]) -> Section | None:
    """Test accuracy after 0, 1, ... gradient steps, a panel for each setting."""
    images = [name for name in datasets() if name in IMAGE_SHAPE]
    drawn, methods = step_charts(cells, images, "accuracy")
    lead = (
        "On the query set of the test tasks. Bands are 95 % intervals over seeds; of two seeds the "
        "seeds themselves are drawn. The authors' own step 0 is on the support set, so it has no "
        "counterpart here."
    )
    if not drawn:
        return None
    return section("steps", "Accuracy by gradient step", lead, drawn, legend(methods, [_PAPER]))


def error_by_step(cells: Sequence[Cell]) -> Section | None:
    """The paper's Figures 3 and 6: a panel for each number of examples."""
    drawn, methods = step_charts(cells, ["sinusoid"], "error")
    if not drawn:
        return None
    lead = "Mean squared error, on a logarithmic scale. Bands are 95 % intervals over seeds."
    title = "Sinusoids: error by gradient step"
    return section("errors", title, lead, drawn, legend(methods, [_PAPER]))


def returns_by_step(cells: Sequence[Cell]) -> Section | None:
    """The paper's Figures 4 and 5: a panel for each environment."""
    drawn, methods = step_charts(cells, ENVIRONMENTS, "return")
    if not drawn:
        return None
    lead = (
        "Mean return on the paper's 40 test goals. Bands are 95 % intervals over seeds, thin lines "
        "single seeds. The paper's numbers are of one trained model each, its intervals over goals."
    )
    title = "Reinforcement learning: return by gradient step"
    return section("returns", title, lead, drawn, legend(methods, [_PAPER]))


def fits(cells: Sequence[Cell]) -> Section | None:
    """The paper's Figure 2."""
    charts = fit_charts(cells)
    if not charts:
        return None
    lead = "One test task, adapted on few examples: the first of the lowest seed that all have."
    title = "Sinusoids: a task and its fit"
    drawn = [draw(chart) for chart in charts]
    return section("fits", title, lead, drawn, legend((), _TRUTH), pairs=True)


FIGURES: tuple[Callable[[Sequence[Cell]], Section | None], ...] = (
    fits,
    error_by_step,
    accuracy_by_step,
    returns_by_step,
    learning_curves,
)


def _methods(cells: Iterable[Cell]) -> list[str]:
    return methods_of(list(cells))
