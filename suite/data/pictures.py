"""Decode one image file of a stranger: the formats of its data set alone, and no more pixels."""

import io
import warnings

from PIL import Image

# Pillow only warns up to twice its own bound, which is above any of ours.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    MemoryError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow raises for bytes that are no sound image."""


def open_image(data: bytes, formats: tuple[str, ...], most_pixels: int) -> Image.Image:
    """The decoded image in `data`; one of `ERRORS` where it is none.

    Without `formats` Pillow tries all that it knows, and starts Ghostscript where it takes a file
    for PostScript. The number of pixels is checked before any is decoded.
    """
    image = Image.open(io.BytesIO(data), formats=formats)
    if image.width * image.height > most_pixels:
        raise ValueError(
            f"it has {image.width:,} x {image.height:,} pixels, more than {most_pixels:,}"
        )
    image.load()
    return image
