"""The stand-in for Omniglot that needs no download: characters of the fonts in matplotlib.

Same shape, same split sizes, binary ink: every command and test that wants Omniglot runs on it.
Its numbers are not the paper's and are never compared with them. The fonts are already on the
machine with matplotlib; the drawings follow from them, the library versions and fixed seeds.
"""

import json
import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image, ImageFont, features

from suite.data.cache import Decoded, cached, made
from suite.data.images import ImageData, Progress
from suite.data.manifest import duplicate_warnings, find_duplicates
from suite.errors import DataError

N_CLASSES = 1623  # as many as Omniglot has
N_DRAWINGS = 20
GENERATOR = "1"  # raise it when the same fonts give other pixels

SIZE = 28
GLYPH_SIZE = 19  # the longer side of an unjittered glyph, in pixels of the 28
OVERSAMPLING = 4
INK_THRESHOLD = 90  # of 255, low enough that hairlines stay connected
FONT_SIZE = 96
CHUNK = 512
# In order of preference: a character is taken from the first font that has it in a new shape.
FONTS = (
    "DejaVuSans",
    "STIXGeneral",
    "cmsy10",
    "cmmi10",
    "cmr10",
    "cmtt10",
    "DejaVuSerif-Italic",
    "STIXGeneralItalic",
)
# Characters whose names begin so differ from their neighbours by a dot or a cell of a grid.
UNLIKE_WRITING = frozenset(
    {"BRAILLE", "BOX", "DIGRAM", "DOMINO", "HEXAGRAM", "LOWER", "MONOGRAM", "PLAYING"}
    | {"QUADRANT", "TETRAGRAM", "UPPER"}
)
# Two glyphs are alike where this share of the ink of each lies within one pixel of the other's.
ALIKE = 0.94


@dataclass(frozen=True, kw_only=True)
class Glyph:
    """One character of one font: a class."""

    font: str
    codepoint: int

    @property
    def name(self) -> str:
        """FONT/U+XXXX"""
        return f"{self.font}/U+{self.codepoint:04X}"


def load_glyphs(
    root: Path | None = None, *, n_classes: int = N_CLASSES, progress: Progress | None = None
) -> ImageData:
    """Load the glyphs from the cache, drawing them at first use (some ten seconds).

    They need no files: `root`, a user's folder of data sets, is not looked at.

    Images are (class, 20, 1, 28, 28), 0 or 255, ink 255; a class is "FONT/U+XXXX". No two classes
    look alike in any of the four rotations that a task may give them.
    """
    import matplotlib

    key = (GENERATOR, n_classes, matplotlib.__version__, PIL.__version__, _freetype())
    source = made(json.dumps(key))
    return cached("glyphs", source=source, build=lambda: draw_glyphs(n_classes, progress))


def draw_glyphs(n_classes: int, progress: Progress | None = None) -> Decoded:
    """Choose `n_classes` glyphs and draw each 20 times with a small random affine map.

    Raises `DataError` where the fonts hold too few distinct shapes.
    """
    fonts = {name: _open_font(name) for name in FONTS}
    glyphs = sorted(_distinct(n_classes, fonts), key=lambda glyph: glyph.name)
    images = np.empty((n_classes, N_DRAWINGS, 1, SIZE, SIZE), dtype=np.uint8)
    steps = glyphs if progress is None else progress(glyphs, "glyphs", n_classes)
    for row, glyph in zip(images, steps, strict=True):
        outline = _outline(fonts[glyph.font], glyph.codepoint)
        assert outline is not None, glyph.name
        # A class's drawings depend on nothing but the class.
        rng = np.random.default_rng([FONTS.index(glyph.font), glyph.codepoint])
        for drawing in row:
            drawing[0] = np.where(_ink(_jitter(outline, rng)), 255, 0)
    classes = tuple(glyph.name for glyph in glyphs)
    files = tuple(tuple(f"{index:02}" for index in range(N_DRAWINGS)) for _ in glyphs)
    return Decoded(
        images=images,
        classes=classes,
        files=files,
        warnings=lambda lines: duplicate_warnings(find_duplicates(lines), what="at 28x28"),
    )


def _freetype() -> str | None:
    return features.version("freetype2")


def _font_path(name: str) -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")


def _open_font(name: str) -> ImageFont.FreeTypeFont:
    path = _font_path(name)
    try:
        # The basic layout: Raqm, where installed, would shape Arabic letters in another way.
        return ImageFont.truetype(str(path), FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise DataError(
            f"cannot read {path} ({error}), a font that comes with matplotlib: "
            "reinstall it with `pip install --force-reinstall matplotlib`"
        ) from error


def _distinct(n_classes: int, fonts: dict[str, ImageFont.FreeTypeFont]) -> list[Glyph]:
    """The first `n_classes` glyphs, in the order of `FONTS`, each unlike all taken before it."""
    taken: list[tuple[Glyph, npt.NDArray[np.bool_]]] = []
    candidates = _candidates(fonts)
    while len(taken) < n_classes:
        chunk = list(islice(candidates, CHUNK))
        if not chunk:
            raise DataError(
                f"matplotlib's fonts give {len(taken)} distinct glyphs, {n_classes} are needed: "
                "install the matplotlib that this suite was released with"
            )
        shapes = np.stack([shape for _, shape in chunk])  # (chunk, height, width)
        rivals = np.stack([shape for _, shape in (*taken, *chunk)])
        alike = _alike(shapes, rivals)
        columns = list(range(len(taken)))  # of the rivals that are taken
        for row, candidate in enumerate(chunk):
            if not alike[row, columns].any():
                columns.append(len(rivals) - len(chunk) + row)
                taken.append(candidate)
    return [glyph for glyph, _ in taken[:n_classes]]


def _candidates(
    fonts: dict[str, ImageFont.FreeTypeFont],
) -> Iterator[tuple[Glyph, npt.NDArray[np.bool_]]]:
    """Glyphs with their unjittered ink, without specks and blocks, which say little at 28x28."""
    for glyph in _characters():
        outline = _outline(fonts[glyph.font], glyph.codepoint)
        if outline is not None:
            ink = _ink(outline)
            if 16 <= ink.sum() <= 0.35 * SIZE * SIZE:
                yield glyph, ink


def _characters() -> Iterator[Glyph]:
    """Letters, digits, punctuation and symbols that the fonts have; no composed characters."""
    from matplotlib.ft2font import FT2Font

    for font in FONTS:
        for codepoint, index in sorted(FT2Font(str(_font_path(font))).get_charmap().items()):
            character = chr(codepoint)
            writing = unicodedata.category(character)[0] in "LNPS"
            composed = unicodedata.normalize("NFKD", character) != character
            block = unicodedata.name(character, "").split(" ")[0]
            if index != 0 and writing and not composed and block not in UNLIKE_WRITING:
                yield Glyph(font=font, codepoint=codepoint)


def _outline(font: ImageFont.FreeTypeFont, codepoint: int) -> Image.Image | None:
    """The glyph centred and scaled, four times oversampled; None where it is blank or tiny."""
    mask = font.getmask(chr(codepoint), mode="L")
    if 0 in mask.size:
        return None
    image = Image.frombytes("L", mask.size, bytes(mask))
    box = image.getbbox()
    if box is None or max(box[2] - box[0], box[3] - box[1]) < 0.3 * FONT_SIZE:
        return None
    image = image.crop(box)
    scale = GLYPH_SIZE * OVERSAMPLING / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    side = SIZE * OVERSAMPLING
    canvas = Image.new("L", (side, side))
    canvas.paste(image, ((side - width) // 2, (side - height) // 2))
    return canvas


def _ink(image: Image.Image) -> npt.NDArray[np.bool_]:
    """Where an oversampled image has ink: (28, 28)."""
    return np.asarray(image.reduce(OVERSAMPLING)) > INK_THRESHOLD


def _jitter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Turn by up to 12 degrees, scale, shear and shift by up to 2 pixels of the 28."""
    angle = math.radians(rng.uniform(-12.0, 12.0))
    across, down = rng.uniform(0.95, 1.18, size=2)  # from result to source: 1.18 shrinks
    shear = rng.uniform(-0.15, 0.15)
    shift_x, shift_y = rng.uniform(-2.0, 2.0, size=2) * OVERSAMPLING
    cos, sin = math.cos(angle), math.sin(angle)
    a, b = across * cos, shear * cos - down * sin
    d, e = across * sin, shear * sin + down * cos
    centre = image.width / 2
    c = centre - a * (centre + shift_x) - b * (centre + shift_y)
    f = centre - d * (centre + shift_x) - e * (centre + shift_y)
    return image.transform(
        image.size, Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR
    )


def _alike(shapes: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether each of `shapes` looks like each of `others` in any of four rotations.

    Both are (glyph, height, width), the result (glyph, other). The products count pixels, exactly
    in float32, so the choice is the same on every machine.
    """
    wide = _thicken(others)
    ink, near = _flat(shapes), _flat(_thicken(shapes))
    area, other_area = ink.sum(axis=1)[:, None], _flat(others).sum(axis=1)
    alike = np.zeros((len(shapes), len(others)), dtype=bool)
    for turns in range(4):
        other_ink = _flat(np.rot90(others, turns, axes=(1, 2)))
        other_near = _flat(np.rot90(wide, turns, axes=(1, 2)))
        alike |= (ink @ other_near.T >= ALIKE * area) & (near @ other_ink.T >= ALIKE * other_area)
    return alike


def _thicken(shapes: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Grow the ink by one pixel in all eight directions."""
    height, width = shapes.shape[1:]
    padded = np.pad(shapes, ((0, 0), (1, 1), (1, 1)))
    grown = np.zeros_like(shapes)
    for down, right in product(range(3), repeat=2):
        grown |= padded[:, down : down + height, right : right + width]
    return grown


def _flat(shapes: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    return shapes.reshape(len(shapes), -1).astype(np.float32)
