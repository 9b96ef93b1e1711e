"""What looks like a seal on a page: red, connected, as large as one, and no letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import ImageChops, ImageDraw

from msb_seal.pdf.drawn.pages import draw, in_picture, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from PIL.Image import Image

    from msb_seal.pdf.drawn.pages import Corners

MAX_DRAWN_PAGES = 20
MAX_THINGS = 200
_PIXELS_PER_MM, _CELL_PIXELS = 2, 4
_MM_PER_CELL = _CELL_PIXELS / _PIXELS_PER_MM
_REDNESS = 60  # of 255: how far red stands out over green and blue
_CELL_RED = 13  # of 255: a stroke of 0.2 mm through a cell of 2 mm
_MIN_MM, _MAX_MM, _MAX_STRETCH = 14, 66, 2.2
_MIN_FULL, _MAX_FULL = 0.04, 0.9
_MIN_LETTER_CELLS = 3
_MAX_LETTERS_APART, _LINE_STRETCH = 0.6, 4
"""Of their height: how far letters of a heading stand apart, and how long their line is."""
_MARGIN_POINTS = 2.0


def find_red_seals(
    data: bytes, *, pages: Sequence[int], signed: Mapping[str, Sequence[Corners]], with_forms: bool
) -> list[str]:
    """Draw those pages (numbers from 0) and say where something looks like a seal.

    signed: by a page's number, where signatures show themselves. with_forms: draw fields too.
    Raises PdfRefused if they cannot be drawn.
    """
    found = []
    with opened(data, with_forms=with_forms) as document:
        count = len(document)
        for number in pages[:MAX_DRAWN_PAGES]:
            if number < count:
                picture, places = draw(document, number, _PIXELS_PER_MM)
                for left, bottom, right, top in signed.get(str(number), ()):
                    wide = left - _MARGIN_POINTS, bottom - _MARGIN_POINTS
                    box = (*wide, right + _MARGIN_POINTS, top + _MARGIN_POINTS)
                    ImageDraw.Draw(picture).rectangle(in_picture(places, box), fill="white")
                found += [f"page {number + 1}: {one}" for one in _seals(picture)]
    return found


def is_as_large_as_a_seal(across: float, down: float) -> bool:
    """Whether something of so many millimetres could be a seal."""
    in_reach = _MIN_MM <= min(across, down) <= max(across, down) <= _MAX_MM
    return in_reach and max(across, down) <= _MAX_STRETCH * min(across, down)


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something red and connected: where it is and how large, in cells, and how full of red."""

    left: int
    top: int
    width: int
    height: int
    full: float

    def is_seal(self) -> bool:
        """Whether it has the size and the shape of a seal."""
        size = self.width * _MM_PER_CELL, self.height * _MM_PER_CELL
        return is_as_large_as_a_seal(*size) and _MIN_FULL <= self.full <= _MAX_FULL

    def is_in_line_with(self, other: _Thing) -> bool:
        """Whether both might be letters of one line."""
        apart = max(self.left, other.left) - min(self.left + self.width, other.left + other.width)
        return (
            abs(self.top + self.height / 2 - other.top - other.height / 2) < self.height / 4
            and abs(self.height - other.height) < self.height / 3
            and apart < _MAX_LETTERS_APART * self.height
        )


def _seals(picture: Image) -> Iterator[str]:
    """Find connected red things as large as seals; give their sizes."""
    things = [one for one in _things(picture) if one.height >= _MIN_LETTER_CELLS]
    for thing in things[:MAX_THINGS]:
        if thing.is_seal() and not _is_in_heading(thing, things[:MAX_THINGS]):
            yield f"{thing.width * _MM_PER_CELL:.0f} × {thing.height * _MM_PER_CELL:.0f} mm"


def _is_in_heading(thing: _Thing, things: Sequence[_Thing]) -> bool:
    """Whether it is part of a long line of red letters (红头)."""
    line, waiting = {thing}, [thing]
    while waiting:
        here = waiting.pop()
        beside = [one for one in things if one not in line and one.is_in_line_with(here)]
        line.update(beside)
        waiting += beside
    width = max(one.left + one.width for one in line) - min(one.left for one in line)
    return width >= _LINE_STRETCH * max(one.height for one in line)


def _things(picture: Image) -> Iterator[_Thing]:
    red, green, blue = picture.split()
    stands_out = ImageChops.subtract(red, ImageChops.lighter(green, blue))
    mask = stands_out.point(lambda value: 255 if value > _REDNESS else 0)
    cells = mask.reduce(_CELL_PIXELS)
    columns, values = cells.size[0], cells.tobytes()
    left = {index for index, value in enumerate(values) if value >= _CELL_RED}
    while left:
        blob = _take_blob(left, columns)
        x, y = [one % columns for one in blob], [one // columns for one in blob]
        width, height = max(x) - min(x) + 1, max(y) - min(y) + 1
        full = sum(values[one] for one in blob) / (width * height * 255)
        yield _Thing(min(x), min(y), width, height, full)


def _take_blob(left: set[int], width: int) -> list[int]:
    """Take one connected group of cells out of those that are left."""
    waiting, blob = [left.pop()], []
    while waiting:
        cell = waiting.pop()
        blob.append(cell)
        for row in (-width, 0, width):
            for column in (-1, 0, 1):
                beside = cell + row + column
                if beside in left and abs(beside % width - cell % width) <= 1:
                    left.discard(beside)
                    waiting.append(beside)
    return blob
