"""What looks like a seal on a page: red, connected, as large as one, and no letters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import ImageChops, ImageDraw, ImageOps

from msb_seal.pdf.drawn.pages import draw, opened, remove_annotations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from PIL.Image import Image

MAX_DRAWN_PAGES = 100
MAX_THINGS = 200
_PIXELS_PER_MM, _CELL_PIXELS = 2, 4
_MM_PER_CELL = _CELL_PIXELS / _PIXELS_PER_MM
_REDNESS = 60  # of 255: how far red stands out over green and blue
_CELL_RED = 13  # of 255: a stroke of 0.2 mm through a cell of 2 mm
_MIN_MM, _MAX_MM, _MAX_STRETCH = 14, 66, 2.2
_MIN_FULL, _MAX_FULL = 0.04, 0.9
_MIN_LETTER_CELLS, _MAX_LETTER_CELLS = 3, 12
"""Letters of headings are up to 22 mm high (GB/T 9704)."""
_HEADINGS = ((0.6, 4.0, 1.0), (1.5, 1.7, 0.5))
"""How far letters of a heading stand apart and how long their line is, of their height; and how far
down the page: a few letters are a heading only near its top."""
_FRAME_FULL = 0.7


def find_red_seals(
    data: bytes,
    *,
    pages: Sequence[int],
    without: Mapping[str, tuple[int, Sequence[int]]],
    with_forms: bool,
) -> list[str]:
    """Draw those pages (numbers from 0) and say where something looks like a seal.

    without: by a page's number, how many annotations it has, and which of them (from 0) are not to
    be drawn. with_forms: draw fields too. Raises PdfRefused if they cannot be drawn.
    """
    found = []
    with opened(data, with_forms=False) as document:
        wanted = [number for number in pages if number < len(document)][:MAX_DRAWN_PAGES]
        for number in wanted:
            count, places = without.get(str(number), (0, ()))
            remove_annotations(document, number, count, places)
        if with_forms:
            document.init_forms()
        for number in wanted:
            picture, _ = draw(document, number, _PIXELS_PER_MM)
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
    mask: Image = field(repr=False, compare=False)
    """Its red, in pixels."""

    def is_seal(self) -> bool:
        """Whether it has the size and the shape of a seal."""
        size = self.width * _MM_PER_CELL, self.height * _MM_PER_CELL
        return is_as_large_as_a_seal(*size) and _MIN_FULL <= self.full <= _MAX_FULL

    def is_in_line_with(self, other: _Thing, apart: float) -> bool:
        """Whether both might be letters of one line, so far apart at most."""
        gap = max(self.left, other.left) - min(self.left + self.width, other.left + other.width)
        return (
            abs(self.top + self.height / 2 - other.top - other.height / 2) < self.height / 4
            and abs(self.height - other.height) < self.height / 3
            and gap < apart * self.height
        )

    def is_framed(self) -> bool:
        """Whether a line goes round it, as round a name seal and few letters (国, 图)."""
        outside = ImageOps.expand(self.mask, 1, 0)
        ImageDraw.floodfill(outside, (0, 0), 128)
        inside = sum(outside.histogram()) - outside.histogram()[128]
        return inside >= _FRAME_FULL * self.mask.width * self.mask.height


def _seals(picture: Image) -> Iterator[str]:
    """Find connected red things as large as seals; give sizes and places."""
    things = [one for one in _things(picture) if one.height >= _MIN_LETTER_CELLS][:MAX_THINGS]
    rows = picture.height / _CELL_PIXELS
    for thing in things:
        if thing.is_seal() and not _is_in_heading(thing, things, rows):
            size = f"{thing.width * _MM_PER_CELL:.0f} × {thing.height * _MM_PER_CELL:.0f} mm"
            yield f"{size} at {thing.left * _MM_PER_CELL:.0f}, {thing.top * _MM_PER_CELL:.0f} mm"


def _is_in_heading(thing: _Thing, things: Sequence[_Thing], rows: float) -> bool:
    """Whether it is one of red letters in a line (红头), and not of seals in a row."""
    if thing.height > _MAX_LETTER_CELLS:
        return False
    for apart, stretch, share in _HEADINGS:
        line = _line_of(thing, things, apart)
        width = max(one.left + one.width for one in line) - min(one.left for one in line)
        is_long = width >= stretch * max(one.height for one in line)
        if is_long and len(line) > 1 and thing.top <= share * rows:
            return 2 * sum(one.is_framed() for one in line) <= len(line)
    return False


def _line_of(thing: _Thing, things: Sequence[_Thing], apart: float) -> set[_Thing]:
    line, waiting = {thing}, [thing]
    while waiting:
        here = waiting.pop()
        beside = [one for one in things if one not in line and one.is_in_line_with(here, apart)]
        line.update(beside)
        waiting += beside
    return line


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
        left_edge, top_edge = min(x) * _CELL_PIXELS, min(y) * _CELL_PIXELS
        right_edge, bottom_edge = (max(x) + 1) * _CELL_PIXELS, (max(y) + 1) * _CELL_PIXELS
        crop = mask.crop((left_edge, top_edge, right_edge, bottom_edge))
        yield _Thing(min(x), min(y), width, height, full, crop)


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
