"""Pages drawn small by pdfium, with their annotations and fields, as most readers show them."""

from __future__ import annotations

import re
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pypdfium2
from pypdfium2.raw import FPDFPage_GetAnnotCount, FPDFPage_RemoveAnnot

from msb_seal.errors import PdfRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image

MAX_UNPACKED_BYTES = 100_000_000
"""Of all streams together of a file whose pages are drawn."""
MAX_PAGE_PIXELS = 4_000_000
POINTS_PER_MM = 72 / 25.4
_STREAM_START = re.compile(rb"(?<!end)stream\r?\n")
_PIECE = 1 << 16

Corners = tuple[float, float, float, float]
"""A rectangle on a page, in points of the page's own system: left, bottom, right, top."""


@contextmanager
def opened(data: bytes, *, with_forms: bool = True) -> Iterator[pypdfium2.PdfDocument]:
    """Open a file to draw its pages; PdfRefused where it cannot be drawn."""
    refuse_bombs(data)
    try:
        document = pypdfium2.PdfDocument(data)
        try:
            if with_forms:
                document.init_forms()
            yield document
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:
        code = "unsupported"
        raise PdfRefused(code, "页面无法绘制", f"the pages cannot be drawn: {error}") from error


def remove_annotations(
    document: pypdfium2.PdfDocument, number: int, count: int, places: Sequence[int]
) -> None:
    """Take annotations off a page, before its fields are set up, so that they are not drawn.

    count: how many there are; PdfRefused where pdfium finds others than that.
    """
    if not places:
        return
    page = document[number]
    try:
        removed = FPDFPage_GetAnnotCount(page) == count and all(
            FPDFPage_RemoveAnnot(page, place) for place in sorted(places, reverse=True)
        )
    finally:
        page.close()
    if not removed:
        code = "unsupported"
        raise PdfRefused(code, "批注无法区分", "the annotations of a page cannot be told apart")


def draw(
    document: pypdfium2.PdfDocument, number: int, pixels_per_mm: float
) -> tuple[Image, pypdfium2.PdfPosConv]:
    """Draw a page with its annotations; give where points of the page lie in the picture, too."""
    page = document[number]
    scale = pixels_per_mm / POINTS_PER_MM
    width, height = page.get_size()
    if not 0 < width * height * scale * scale <= MAX_PAGE_PIXELS:
        code = "limit"
        raise PdfRefused(code, "页面过大", "a page is too large to be drawn")
    bitmap = page.render(scale=scale)
    picture: Image = bitmap.to_pil().convert("RGB")
    places = bitmap.get_posconv(page)
    return picture, places


def in_picture(places: pypdfium2.PdfPosConv, box: Corners) -> tuple[int, int, int, int]:
    """Give the left, upper, right and lower edge of a rectangle in the picture of its page."""
    (x1, y1), (x2, y2) = (places.to_bitmap(*corner) for corner in (box[:2], box[2:]))
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def refuse_bombs(data: bytes) -> None:
    """Refuse a file whose streams grow without measure: pdfium unpacks what it meets, unasked.

    What is packed twice cannot be measured from outside, and no honest writer does it.
    """
    left = MAX_UNPACKED_BYTES
    for start in _STREAM_START.finditer(data):
        unpacker, at = zlib.decompressobj(), start.end()
        first = b""
        try:
            while not unpacker.eof and (unpacker.unconsumed_tail or at < len(data)):
                given = unpacker.unconsumed_tail
                if not given:
                    given, at = data[at : at + _PIECE], at + _PIECE
                unpacked = unpacker.decompress(given, _PIECE)
                first = first or unpacked[:2]
                left -= len(unpacked)
                if left < 0 or _is_packed(first):
                    code = "limit"
                    raise PdfRefused(code, "解压后过大", "packed data grows beyond the limit")
        except zlib.error:
            continue  # packed in another way, or not at all


def _is_packed(start: bytes) -> bool:
    """Whether unpacked data begin like packed ones (RFC 1950 section 2.2)."""
    return len(start) > 1 and start[0] == 0x78 and int.from_bytes(start) % 31 == 0  # noqa: PLR2004
