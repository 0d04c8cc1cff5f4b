"""How every figure looks: one palette for files and page, one font."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style

from suite.settings import METHODS

COLOURS = {
    "paper": ("#fdfdfb", "#15181c"),
    "ink": ("#1d2126", "#e6e8ea"),
    "soft": ("#575f69", "#a3abb5"),
    "line": ("#dfe1e3", "#343a41"),
    "truth": ("#b4bbc3", "#5d6772"),
    **{name: entry.colours for name, entry in METHODS.items() if entry.colours},
    "spare-0": ("#1b7f9c", "#5fc6e0"),
    "spare-1": ("#7d7500", "#c9c04a"),
    "spare-2": ("#a3304f", "#ef829d"),
}
"""Colours by name, on light and on dark ground. Files have the light one, and the page has both."""
PAPER, INK, SOFT, LINE, TRUTH = (
    COLOURS[name][0] for name in ("paper", "ink", "soft", "line", "truth")
)
_SPARE = sum(name.startswith("spare-") for name in COLOURS)

_PICTURES: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.parse_math": False,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.titlesize": 11.0,
    "savefig.dpi": 150,
    "svg.hashsalt": "maml-suite",
}
_PLOTS: dict[str, Any] = {
    **_PICTURES,
    "figure.dpi": 72,
    "savefig.dpi": 144,
    "font.size": 11.0,
    "text.color": INK,
    "axes.facecolor": "none",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 11.0,
    "axes.spines.left": False,
    "axes.grid.axis": "y",
    "grid.linewidth": 1.0,
    "lines.linewidth": 2.0,
    "lines.dash_capstyle": "round",
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
}
for _axis in ("xtick", "ytick"):
    _PLOTS |= {f"{_axis}.color": SOFT, f"{_axis}.labelsize": 11.0}
    _PLOTS |= {f"{_axis}.major.size": 0, f"{_axis}.minor.size": 0, f"{_axis}.major.pad": 6}


@contextmanager
def styled(*, plots: bool = True) -> Iterator[None]:
    """Give figures the suite's look, whatever matplotlib settings the user has.

    It is the look of plots of scores, or without `plots` that of pictures of policies.
    """
    with matplotlib.style.context(_PLOTS if plots else _PICTURES, after_reset=True):
        yield


def colour(method: str, methods: Sequence[str] = ()) -> str:
    """The colour of a method; one without a colour gets a spare, by its index in `methods`."""
    if method in COLOURS:
        return COLOURS[method][0]
    unknown = sorted({method, *methods}.difference(COLOURS))
    return COLOURS[f"spare-{unknown.index(method) % _SPARE}"][0]


def label(method: str) -> str:
    """The name of a method in a figure."""
    entry = METHODS.get(method)
    return (entry and entry.label) or method
