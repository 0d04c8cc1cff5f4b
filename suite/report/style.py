"""How every figure looks and is saved: one palette, one font, the same bytes each time."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

from suite.files import atomic_write

# Okabe and Ito's palette, which stays apart under the common kinds of colour blindness.
COLOURS = {
    "maml": "#0072B2",
    "fomaml": "#D55E00",
    "pretraining": "#009E73",
    "random-init": "#666666",
    "oracle": "#CC79A7",
    "fine-tuning": "#009E73",
    "nearest-neighbour": "#E69F00",
}
_SPARE = ("#56B4E9", "#E69F00", "#000000", "#B8A800")
LABELS = {"maml": "MAML", "fomaml": "MAML, first order", "random-init": "random initialization"}

PANEL = (3.3, 2.7)
"""Width and height of one panel, in inches."""

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "figure.titlesize": 11.0,
    "savefig.dpi": 150,
    "svg.hashsalt": "maml-suite",
    "svg.fonttype": "path",
}


@contextmanager
def styled() -> Iterator[None]:
    """Within, figures look as the suite's do, whatever the user's own matplotlib settings."""
    with matplotlib.style.context(_RC, after_reset=True):
        yield


def colour(method: str, others: list[str] | None = None) -> str:
    """The colour of a method; one that has none gets a spare by its place among `others`."""
    if method in COLOURS:
        return COLOURS[method]
    unknown = sorted(set(others or [method]).difference(COLOURS))
    return _SPARE[unknown.index(method) % len(_SPARE)]


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write `figure` as SVG and PNG, free of dates and versions; the paths of both."""
    empty: dict[str, dict[str, None]] = {
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
    }
    # Laid out once, and not for each format.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    paths = []
    for suffix, metadata in empty.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, metadata=metadata)
        path = folder / f"{name}.{suffix}"
        atomic_write(path, buffer.getvalue())
        paths.append(path)
    return paths
