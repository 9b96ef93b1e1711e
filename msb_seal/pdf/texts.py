"""Where a keyword stands on the pages of a PDF, for placing seals."""

from __future__ import annotations

import ctypes
from contextlib import closing
from typing import TYPE_CHECKING

import pypdfium2
from pypdfium2 import raw

from msb_seal.pdf.opening import reading, refused
from msb_seal.placement import TextPlace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_seal.pdf.pages import PdfPage
    from msb_seal.placement import Box

MAX_CHARACTERS = 5_000_000
MAX_FOUND = 1_000


def find_text(data: bytes, keyword: str, pages: Sequence[PdfPage]) -> list[TextPlace]:
    """Find a keyword on the pages; from the first page on, from top to bottom.

    Spaces do not count. Of one that goes on in the next line, the part in its first line is given.
    Raises SealingRefused for a document that cannot be read, or has too much text.
    """
    wanted = "".join(keyword.split())
    found: list[TextPlace] = []
    if not wanted:
        return found
    left = MAX_CHARACTERS
    with reading(), pypdfium2.PdfDocument(data) as document:
        for number, page in enumerate(pages, 1):
            characters = _characters(document, number - 1, page)
            left -= len(characters)
            if left < 0 or len(found) > MAX_FOUND:
                raise refused("too-much-text", "文字过多", "there is too much text to search")
            places = [TextPlace(number, *box) for box in _occurrences(characters, wanted)]
            found += sorted(places, key=lambda place: (place.y_mm, place.x_mm))
    return found


def _characters(
    document: pypdfium2.PdfDocument, index: int, page: PdfPage
) -> list[tuple[str, Box]]:
    """Give the characters of a page but for spaces, each with its seen box."""
    found = []
    edges = [ctypes.c_double() for _ in range(4)]
    with closing(document[index]) as drawn, closing(drawn.get_textpage()) as text:
        for number in range(min(text.count_chars(), MAX_CHARACTERS)):
            character = chr(raw.FPDFText_GetUnicode(text, number))
            if character.isspace() or character == "\0":
                continue
            if raw.FPDFText_GetCharBox(text, number, *map(ctypes.byref, edges)):
                left, right, bottom, top = (edge.value for edge in edges)
                found.append((character, page.to_seen((left, bottom, right, top))))
    return found


def _occurrences(
    characters: list[tuple[str, Box]], wanted: str
) -> list[tuple[float, float, float, float]]:
    whole = "".join(character for character, _ in characters)
    found = []
    start = whole.find(wanted)
    while start >= 0:
        found.append(_joined([box for _, box in characters[start : start + len(wanted)]]))
        start = whole.find(wanted, start + len(wanted))
    return found


def _joined(boxes: list[Box]) -> tuple[float, float, float, float]:
    """Join the boxes that stand in one line with the first, across the page or down it."""
    first = boxes[0]
    x, y = first.x_mm + first.width_mm / 2, first.y_mm + first.height_mm / 2
    size = max(first.width_mm, first.height_mm) / 2
    across = [box for box in boxes if box.y_mm - size <= y <= box.y_mm + box.height_mm + size]
    down = [box for box in boxes if box.x_mm - size <= x <= box.x_mm + box.width_mm + size]
    line = max(across, down, key=len)
    left, top = min(box.x_mm for box in line), min(box.y_mm for box in line)
    right = max(box.x_mm + box.width_mm for box in line)
    bottom = max(box.y_mm + box.height_mm for box in line)
    return left, top, right - left, bottom - top
