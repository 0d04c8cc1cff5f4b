"""Drawings of matplotlib as SVG within the page.

Colours of the palette become the page's variables, so that one drawing serves light and dark, and
an artist's label becomes what a pointer at rest is shown. Nothing has a style or an id.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Transform

from suite.report.figures.style import COLOURS
from suite.report.page.markup import coordinate, element, escape

_VARIABLES = {light: f"var(--{name})" for name, (light, _) in COLOURS.items()}
_COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L"}
_BASELINES = {"center": "central", "center_baseline": "central", "top": "hanging"}
_ANCHORS = {"center": "middle", "right": "end"}


def svg(figure: Figure) -> tuple[str, dict[str, str]]:
    """The elements drawn in `figure`, and the attributes of the `svg` element around them."""
    for artist in figure.findobj():
        if (label := artist.get_label()) and not str(label).startswith("_"):
            artist.set_gid(str(label))
    canvas = _Canvas(figure)
    figure.draw(canvas)
    size = f"0 0 {coordinate(canvas.width)} {coordinate(canvas.height)}"
    attributes = {"viewBox": size, "fill": "none", "stroke_linejoin": "round"}
    return "".join(canvas.parts), attributes | {"stroke_linecap": "round"}


def variables(ground: int) -> str:
    """The palette as declarations of CSS: on light ground for 0, on dark for 1."""
    return " ".join(f"--{name}: {both[ground]};" for name, both in COLOURS.items())


class _Canvas(RendererBase):
    """Turns what matplotlib draws, whose origin is at the bottom, into elements of SVG."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        self.width, self.height = (float(size) for size in figure.bbox.size)
        self.parts: list[str] = []
        self._flip = Affine2D().scale(1, -1).translate(0, self.height)
        self._named: list[bool] = []

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self.width, self.height

    def get_text_width_height_descent(self, *_: object) -> tuple[float, float, float]:
        # The browser aligns texts, whose sizes only it knows.
        return 0.0, 0.0, 0.0

    def open_group(self, s: str, gid: str | None = None) -> None:
        self._named.append(gid is not None)
        if gid is not None:
            self.parts.append(f"<g>{element('title', escape(gid))}")

    def close_group(self, s: str) -> None:
        if self._named.pop():
            self.parts.append("</g>")

    def draw_path(
        self, gc: GraphicsContextBase, path: Path, transform: Transform, face: Any = None
    ) -> None:
        painted = _paints(gc, face)
        if not painted:
            return
        clip = gc.get_clip_rectangle()
        if face is None:
            extents = None if clip is None else clip.extents
            path = path.cleaned(transform, clip=extents, simplify=False, remove_nans=True)
        else:
            path = transform.transform_path(path)
            path = path if clip is None else path.clip_to_bbox(clip)
        if commands := _commands(self._flip.transform_path(path)):
            self.parts.append(element("path", **painted, d=commands))

    def draw_markers(
        self,
        gc: GraphicsContextBase,
        marker_path: Path,
        marker_trans: Transform,
        path: Path,
        trans: Transform,
        face: Any = None,
    ) -> None:
        # The one marker with curves is the disc.
        if Path.CURVE4 not in _codes(marker_path):
            super().draw_markers(gc, marker_path, marker_trans, path, trans, face)
            return
        radius = float(marker_path.get_extents(marker_trans).width) / 2
        points = (trans + self._flip).transform(path.vertices)
        circles = [
            element("circle", cx=x, cy=y, r=radius) for x, y in points if math.isfinite(x + y)
        ]
        paint = {"fill": _colour(face)}
        self.parts.append(element("g", "".join(circles), **paint))

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        # Where matplotlib anchors the text, whatever it takes its size to be.
        x, y = mtext.get_transform().transform(mtext.get_unitless_position())
        attributes = {
            "text_anchor": _ANCHORS.get(mtext.get_ha()),
            "dominant_baseline": _BASELINES.get(mtext.get_va()),
        }
        self.parts.append(
            element("text", escape(s), x=float(x), y=float(self.height - y), **attributes)
        )


def _paints(gc: GraphicsContextBase, face: Any) -> dict[str, str]:
    """The attributes of a path; none where the path cannot be seen."""
    found: dict[str, str] = {}
    if face is not None:
        found |= _paint("fill", face)
    stroke = _paint("stroke", gc.get_rgb()) if gc.get_linewidth() > 0 else {}
    found |= stroke
    if stroke:
        if gc.get_linewidth() != 1:
            found["stroke_width"] = coordinate(gc.get_linewidth())
        if (dashes := gc.get_dashes()[1]) is not None:
            found["stroke_dasharray"] = " ".join(map(coordinate, np.asarray(dashes, float)))
    return found


def _paint(name: str, rgba: Sequence[float]) -> dict[str, str]:
    """The attributes `fill` or `stroke` and its opacity; none where it cannot be seen."""
    alpha = rgba[3] if len(rgba) > 3 else 1.0
    if alpha == 0:
        return {}
    opacity = {} if alpha == 1 else {f"{name}_opacity": f"{alpha:g}"}
    return {name: _colour(rgba)} | opacity


def _colour(rgb: Sequence[float]) -> str:
    red, green, blue = rgb[:3]
    code = to_hex((red, green, blue))
    return _VARIABLES.get(code, code)


def _codes(path: Path) -> set[int]:
    return set() if path.codes is None else set(np.asarray(path.codes).tolist())


def _commands(path: Path) -> str:
    parts = []
    for (x, y), code in path.iter_segments(simplify=False, curves=False):
        if code == Path.CLOSEPOLY:
            parts.append("Z")
        elif code in _COMMANDS:
            parts.append(f"{_COMMANDS[code]}{coordinate(x)} {coordinate(y)}")
    return "".join(parts)
