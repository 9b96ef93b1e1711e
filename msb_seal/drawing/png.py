"""Scenes as PNG: pdfium draws the PDF of the scene, so all renderings agree.

pdfium is not made for threads: one drawing at a time.
"""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pypdfium2
from PIL import Image

from msb_seal.drawing.pdf import pdf_of_pages
from msb_seal.errors import DrawingRefused

if TYPE_CHECKING:
    from msb_seal.drawing.scene import Color, Scene

MM_PER_INCH = 25.4
MAX_PIXELS = 60_000_000
MAX_DPI = 9_600
one_at_a_time = threading.Lock()
"""Whoever calls pdfium holds it: pdfium is not made for threads."""


def to_png(scene: Scene, *, dpi: float = 300, ground: Color | None = None) -> bytes:
    """Render a scene; the same bytes every time from the same versions of pdfium and zlib.

    ground: the colour behind everything, None for a transparent ground.
    Raises DrawingRefused beyond MAX_DPI and MAX_PIXELS.
    """
    picture = to_pixels(scene, dpi=dpi, ground=ground)
    written = io.BytesIO()
    color = _only_color(picture)
    if color is None:
        picture.save(written, "PNG", dpi=(dpi, dpi), optimize=True)
    else:
        # One byte a pixel, its opacity, instead of four: half the file. A seal's picture is in
        # every signature that it makes.
        indexed = Image.frombytes("P", picture.size, picture.getchannel("A").tobytes())
        indexed.putpalette(bytes(color) * 256)
        levels = bytes(range(256))
        indexed.save(written, "PNG", dpi=(dpi, dpi), transparency=levels, compress_level=9)
    return written.getvalue()


def to_pixels(scene: Scene, *, dpi: float = 300, ground: Color | None = None) -> Image.Image:
    """Render a scene as pixels: RGBA where the ground is transparent, else RGB."""
    if not 0 < dpi <= MAX_DPI:
        message = f"a resolution of {dpi} dpi; more than 0 and at most {MAX_DPI} can be drawn"
        raise DrawingRefused(message)
    scale = dpi / MM_PER_INCH
    width, height = round(scene.width_mm * scale), round(scene.height_mm * scale)
    if not (width >= 1 and height >= 1 and width * height <= MAX_PIXELS):
        message = f"a picture of {width} × {height} pixels; at most {MAX_PIXELS} are drawn"
        raise DrawingRefused(message)
    # A page of as many units as pixels, so that no edge falls between two of them.
    document = pdf_of_pages([(scene, width, height)])
    color = (0, 0, 0, 0) if ground is None else (*ground, 255)
    with one_at_a_time:
        opened = pypdfium2.PdfDocument(document)
        try:
            bitmap = opened[0].render(scale=1, fill_color=color)
            drawn: Image.Image = bitmap.to_pil().copy()
        finally:
            opened.close()
    return drawn


def _only_color(picture: Image.Image) -> Color | None:
    """Give the one colour of all that shows, None where there are more or nothing is clear."""
    counted = picture.getcolors(256) if picture.mode == "RGBA" else None
    found = {color[:3] for _, color in counted or () if isinstance(color, tuple) and color[3]}
    if len(found) != 1:
        return None
    (red, green, blue) = found.pop()
    return (red, green, blue)
