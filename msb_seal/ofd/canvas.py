"""A page's content as OFD writes it (GB/T 33190-2016, clauses 7 to 11): text, lines, images.

Written as strings, not as elements: a licence face has hundreds of values, and faces come by the
thousand. Millimetres from the upper left corner, y downwards; texts are placed by the upper left
corner of their line, whose height is the size of the type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

from msb_seal.drawing.numbers import shortest
from msb_seal.errors import DrawingRefused
from msb_seal.ofd.archive import Packed
from msb_seal.ofd.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from msb_seal.drawing.fontfile import PreparedFont
    from msb_seal.drawing.scene import Color

Align = Literal["left", "center", "right"]
ASCENT = 0.88
"""From the top of a line to its base line, in parts of the size: that of Chinese typefaces."""
LEAST_SIZE_MM = 1.0
"""Nobody reads type smaller than this (under 3 points)."""
MAX_MM = 100_000
LEAST_RUN = 3
"""Fewer equal advances in a row are shorter written out than as "g 2 3.5"."""
_BLACK: Color = (0, 0, 0)
_KEPT_NUMBERS = 8_192
_PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_BREAK_BEFORE = frozenset("，。、；：？！）》」』】〉”’…—%,.;:?!)]}")


class Ids:
    """Counts the ids of a document, which are unique in it (7.1.2)."""

    def __init__(self, last: int = 0) -> None:
        """Begin after `last`."""
        self.last = last

    def take(self) -> int:
        """Give the next one."""
        self.last += 1
        return self.last


@dataclass(slots=True)
class Resources:
    """The fonts and pictures that pages name by number, and the characters to be embedded."""

    fonts: Mapping[str, PreparedFont]
    ids: Ids
    font_ids: dict[str, int] = field(default_factory=dict)
    characters: dict[str, set[str]] = field(default_factory=dict)
    pictures: dict[int, tuple[str, Packed]] = field(default_factory=dict)

    @property
    def is_used(self) -> bool:
        """Whether any page asked for a font or a picture."""
        return bool(self.font_ids or self.pictures)

    def font(self, name: str, text: str) -> tuple[PreparedFont, int]:
        """Give a font and its id, and remember which characters it must show."""
        try:
            prepared = self.fonts[name]
        except KeyError as error:
            raise refusal("missing-font", name) from error
        if name not in self.font_ids:
            self.font_ids[name] = self.ids.take()
            self.characters[name] = set()
        self.characters[name].update(text)
        return prepared, self.font_ids[name]

    def picture(self, data: bytes | Packed) -> int:
        """Keep a PNG or JPEG; give its id. The same object is kept once."""
        packed = data if isinstance(data, Packed) else Packed.of(data, compress=False)
        for number, (_, known) in self.pictures.items():
            if known is packed or known.content is packed.content:
                return number
        for magic, name in _PICTURES.items():
            if packed.content.startswith(magic):
                number = self.ids.take()
                self.pictures[number] = (name, packed)
                return number
        raise refusal("bad-picture", "PNG, JPEG")


class Canvas:
    """Draws on one page; what is drawn later lies on top."""

    def __init__(self, resources: Resources, *, width_mm: float, height_mm: float) -> None:
        """Start an empty page; OfdBuilder and PageTemplate do this."""
        self.width_mm, self.height_mm = width_mm, height_mm
        self._resources = resources
        self._layer = resources.ids.take()
        self._objects: list[str] = []

    def text(
        self,
        text: str,
        *,
        x_mm: float,
        y_mm: float,
        size_mm: float,
        width_mm: float | None = None,
        align: Align = "left",
        font: str = "song",
        color: Color = _BLACK,
        spacing_mm: float = 0,
    ) -> float:
        """Put one line of text; give its width in mm.

        width_mm: the room it has from x_mm: it is aligned in it, and set smaller where it would not
        fit. spacing_mm: added between characters. Raises OfdRefused ("missing-glyph") naming a
        character that the font lacks, ("missing-font") for a font that was not prepared,
        ("too-long") where it would become smaller than LEAST_SIZE_MM.
        """
        if not text:
            return 0.0
        advances, number = self._measured(text, font)
        natural = sum(advances) * size_mm + spacing_mm * (len(text) - 1)
        if width_mm is not None and natural > width_mm:
            ratio = width_mm / natural
            size_mm, spacing_mm, natural = size_mm * ratio, spacing_mm * ratio, width_mm
        if size_mm < LEAST_SIZE_MM:
            raise refusal("too-long", text)
        if width_mm is not None and align != "left":
            x_mm += (width_mm - natural) * (0.5 if align == "center" else 1)
        deltas = _deltas([advance * size_mm + spacing_mm for advance in advances[:-1]])
        box = f"{_mm(x_mm)} {_mm(y_mm)} {_mm(natural)} {_mm(size_mm)}"
        self._objects.append(
            f'<ofd:TextObject ID="{self._resources.ids.take()}" Boundary="{box}" Font="{number}"'
            f' Size="{_mm(size_mm)}">{_fill(color)}<ofd:TextCode X="0" Y="{_mm(size_mm * ASCENT)}"'
            f"{deltas}>{escape(text)}</ofd:TextCode></ofd:TextObject>"
        )
        return natural

    def paragraph(
        self,
        text: str,
        *,
        x_mm: float,
        y_mm: float,
        width_mm: float,
        size_mm: float,
        line_mm: float | None = None,
        font: str = "song",
        color: Color = _BLACK,
    ) -> float:
        """Put a text over as many lines as it needs; give the y below the last one.

        Breaks between Han characters and at spaces, never before a closing mark.
        """
        step = size_mm * 1.5 if line_mm is None else line_mm
        for given in text.split("\n"):
            for line in self._lines(given, width_mm / size_mm, font):
                self.text(line, x_mm=x_mm, y_mm=y_mm, size_mm=size_mm, font=font, color=color)
                y_mm += step
        return y_mm

    def line(
        self,
        x_mm: float,
        y_mm: float,
        *,
        to_x_mm: float,
        to_y_mm: float,
        color: Color = _BLACK,
        line_mm: float = 0.25,
    ) -> None:
        """Draw a straight line."""
        self.path([("M", (x_mm, y_mm)), ("L", (to_x_mm, to_y_mm))], stroke=color, line_mm=line_mm)

    def rectangle(
        self,
        x_mm: float,
        y_mm: float,
        *,
        width_mm: float,
        height_mm: float,
        stroke: Color | None = _BLACK,
        fill: Color | None = None,
        line_mm: float = 0.25,
    ) -> None:
        """Draw a rectangle: its edge, its inside or both."""
        right, bottom = x_mm + width_mm, y_mm + height_mm
        corners = [("M", (x_mm, y_mm)), ("L", (right, y_mm)), ("L", (right, bottom))]
        self.path(
            [*corners, ("L", (x_mm, bottom)), ("Z", ())],
            stroke=stroke,
            fill=fill,
            line_mm=line_mm,
        )

    def path(
        self,
        segments: Sequence[tuple[str, Sequence[float]]],
        *,
        stroke: Color | None = None,
        fill: Color | None = None,
        line_mm: float = 0.25,
        even_odd: bool = False,
    ) -> None:
        """Draw lines and cubic curves: ("M", (x, y)), ("L", …), ("C", six numbers), ("Z", ())."""
        numbers = [number for _, values in segments for number in values]
        if not numbers:
            return
        margin = line_mm / 2 if stroke is not None else 0
        left, top = min(numbers[::2]) - margin, min(numbers[1::2]) - margin
        width, height = max(numbers[::2]) + margin - left, max(numbers[1::2]) + margin - top
        written = " ".join(_segment(letter, values, left, top) for letter, values in segments)
        self._objects.append(
            f'<ofd:PathObject ID="{self._resources.ids.take()}"'
            f' Boundary="{_mm(left)} {_mm(top)} {_mm(width)} {_mm(height)}"'
            + (f' LineWidth="{_mm(line_mm)}"' if stroke is not None else ' Stroke="false"')
            + (' Fill="true"' if fill is not None else "")
            + (' Rule="Even-Odd"' if even_odd else "")
            + ">"
            + ("" if stroke is None else f'<ofd:StrokeColor Value="{_color(stroke)}"/>')
            + ("" if fill is None else f'<ofd:FillColor Value="{_color(fill)}"/>')
            + f"<ofd:AbbreviatedData>{written}</ofd:AbbreviatedData></ofd:PathObject>"
        )

    def image(
        self,
        data: bytes | Packed,
        *,
        x_mm: float,
        y_mm: float,
        width_mm: float,
        height_mm: float,
    ) -> None:
        """Put a PNG or JPEG, stretched over the box; OfdRefused ("bad-picture") for another."""
        if not (width_mm > 0 and height_mm > 0):
            raise refusal("bad-value", f"{width_mm} × {height_mm}")
        number = self._resources.picture(data)
        width, height = _mm(width_mm), _mm(height_mm)
        self._objects.append(
            f'<ofd:ImageObject ID="{self._resources.ids.take()}" ResourceID="{number}"'
            f' Boundary="{_mm(x_mm)} {_mm(y_mm)} {width} {height}"'
            f' CTM="{width} 0 0 {height} 0 0"/>'
        )

    def table(
        self,
        rows: Sequence[Sequence[str]],
        *,
        x_mm: float,
        y_mm: float,
        widths_mm: Sequence[float],
        row_mm: float,
        size_mm: float,
        align: Align = "left",
        padding_mm: float = 1.5,
        font: str = "song",
        color: Color = _BLACK,
        line_color: Color = _BLACK,
        line_mm: float = 0.25,
    ) -> float:
        """Draw a ruled table, one line of text in each cell; give the y below it."""
        edges = [x_mm, *(x_mm + reach for reach in accumulate(widths_mm))]
        bottom = y_mm + row_mm * len(rows)
        rules: list[tuple[str, Sequence[float]]] = []
        for n in range(len(rows) + 1):
            y = y_mm + n * row_mm
            rules += [("M", (x_mm, y)), ("L", (edges[-1], y))]
        for x in edges:
            rules += [("M", (x, y_mm)), ("L", (x, bottom))]
        self.path(rules, stroke=line_color, line_mm=line_mm)
        for n, row in enumerate(rows):
            for x, column, cell in zip(edges[:-1], widths_mm, row, strict=True):
                self.text(
                    cell,
                    x_mm=x + padding_mm,
                    y_mm=y_mm + n * row_mm + (row_mm - size_mm) / 2,
                    width_mm=column - 2 * padding_mm,
                    size_mm=size_mm,
                    align=align,
                    font=font,
                    color=color,
                )
        return bottom

    def content(self) -> str:
        """Give the Layer as XML."""
        return f'<ofd:Layer ID="{self._layer}">{"".join(self._objects)}</ofd:Layer>'

    def _measured(self, text: str, font: str) -> tuple[list[float], int]:
        prepared, number = self._resources.font(font, text)
        try:
            return prepared.advances(text), number
        except DrawingRefused as error:
            raise refusal("missing-glyph", str(error)) from error

    def _lines(self, text: str, width: float, font: str) -> Iterator[str]:
        """Break a text into lines of at most `width` em."""
        advances, _ = self._measured(text, font) if text else ([], 0)
        start, used, space = 0, 0.0, -1
        for n, (character, advance) in enumerate(zip(text, advances, strict=True)):
            used += advance
            if character == " ":
                space = n
            if used <= width or n == start or character in _NO_BREAK_BEFORE:
                continue
            end = space + 1 if space > start and character.isascii() and character != " " else n
            yield text[start:end].strip()
            start, space, used = end, -1, sum(advances[end : n + 1])
        yield text[start:].strip()


def xml_text(text: str) -> str:
    """Escape a text or attribute; OfdRefused ("bad-value") for what XML cannot hold."""
    if _NOT_IN_XML.search(text):
        raise refusal("bad-value", text)
    return escape(text, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


@lru_cache(_KEPT_NUMBERS)  # sizes and places come again on every page of a batch
def _mm(value: float) -> str:
    if not abs(value) <= MAX_MM:  # nor is NaN
        raise refusal("bad-value", str(value))
    return shortest(value)


def _color(color: Color) -> str:
    return f"{color[0]} {color[1]} {color[2]}"


def _fill(color: Color) -> str:
    return "" if color == _BLACK else f'<ofd:FillColor Value="{_color(color)}"/>'


def _segment(letter: str, values: Sequence[float], left: float, top: float) -> str:
    if letter == "Z":
        return "C"  # OFD closes with C, and writes cubic curves as B
    places = (
        f"{_mm(x - left)} {_mm(y - top)}" for x, y in zip(values[::2], values[1::2], strict=True)
    )
    return " ".join(("B" if letter == "C" else letter, *places))


def _deltas(advances: Sequence[float]) -> str:
    """Write DeltaX (8.3.3): runs of equal numbers as "g count number"."""
    if not advances:
        return ""
    if len(set(advances)) == 1 and len(advances) >= LEAST_RUN:  # most lines are all Han
        return f' DeltaX="g {len(advances)} {_mm(advances[0])}"'
    parts: list[str] = []
    for advance, run in groupby(advances):
        times, number = len(list(run)), _mm(advance)
        parts += [f"g {times} {number}"] if times >= LEAST_RUN else [number] * times
    return f' DeltaX="{" ".join(parts)}"'
