"""What a widget shows by itself, held against the picture of the seal behind it."""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING

import pypdfium2
from PIL import Image as Pillow

from msb_seal.pdf.drawn.pages import MAX_PAGE_PIXELS, in_picture, opened
from msb_seal.pdf.same_picture import SIDE_PIXELS, compare_drawn, on_white

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_seal.pdf.drawn.pages import Corners

_raw = pypdfium2.raw


def compare_looks(
    data: bytes, *, picture: str, widgets: Sequence[tuple[int, int, Corners]]
) -> list[str]:
    """Draw widgets, each alone on its page, and say how like the picture they are (Likeness).

    picture: PNG in base64, as `same_picture.on_white` gives it. widgets: for each the page's
    number from 0, its place in the page's /Annots, and its rectangle.
    Raises PdfRefused if they cannot be drawn.
    """
    seal = Pillow.open(io.BytesIO(base64.b64decode(picture)), formats=("PNG",)).convert("RGB")
    found = []
    for number, index, box in widgets:
        with opened(data) as document:
            shown = _alone(document, number, index, box)
        found.append(compare_drawn(on_white(shown), seal).value)
    return found


def _alone(document: pypdfium2.PdfDocument, number: int, index: int, box: Corners) -> Pillow.Image:
    """Draw one annotation without its page's contents and the other annotations."""
    page = document[number]
    for other in reversed(range(_raw.FPDFPage_GetAnnotCount(page))):
        if other != index:
            _raw.FPDFPage_RemoveAnnot(page, other)
    for part in list(page.get_objects(max_depth=1)):
        page.remove_obj(part)
    return _cut_out(page, box)


def _cut_out(page: pypdfium2.PdfPage, box: Corners) -> Pillow.Image:
    """Draw what a page shows in a rectangle, twice as fine as it is compared."""
    width, height = page.get_size()
    coarse = min(1.0, math.sqrt(MAX_PAGE_PIXELS / max(1.0, width * height)))
    edges = in_picture(page.render(scale=coarse).get_posconv(page), box)
    left, upper, right, lower = (edge / coarse for edge in edges)
    around = 1 / coarse  # the edges are whole pixels
    beside = left - around, height - lower - around, width - right - around, upper - around
    cut = tuple(max(0.0, one) for one in beside)
    room = width - cut[0] - cut[2], height - cut[1] - cut[3]
    if min(room) <= 0:
        return Pillow.new("RGB", (1, 1), "white")  # not on the page
    bitmap = page.render(scale=2 * SIDE_PIXELS / max(room), crop=cut)
    picture: Pillow.Image = bitmap.to_pil().convert("RGB")
    return picture
