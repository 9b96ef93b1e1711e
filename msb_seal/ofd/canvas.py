"""A page's content as OFD writes it (GB/T 33190-2016, clauses 7 to 11): text, lines, images.

Written as strings, not as elements: a licence face has hundreds of values, and faces come by the
thousand. What is measured, and in which units: drawing/canvas.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from msb_seal.drawing.canvas import ASCENT, PageCanvas
from msb_seal.drawing.numbers import shortest
from msb_seal.errors import DrawingRefused
from msb_seal.ofd.archive import Packed
from msb_seal.ofd.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from msb_seal.drawing.fontfile import PreparedFont
    from msb_seal.drawing.scene import Color
    from msb_seal.errors import OfdRefused

MAX_MM = 100_000
LEAST_RUN = 3
"""Fewer equal advances in a row are shorter written out than as "g 2 3.5"."""
_BLACK: Color = (0, 0, 0)
_KEPT_NUMBERS = 8_192
_PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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

    def font(self, name: str, text: str) -> PreparedFont:
        """Give a font, which has an id from now on; remember which characters it must show."""
        try:
            prepared = self.fonts[name]
        except KeyError as error:
            raise refusal("missing-font", name) from error
        if name not in self.font_ids:
            self.font_ids[name] = self.ids.take()
            self.characters[name] = set()
        self.characters[name].update(text)
        return prepared

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


class Canvas(PageCanvas):
    """Draws on one page of an OFD; what it refuses is OfdRefused."""

    def __init__(self, resources: Resources, *, width_mm: float, height_mm: float) -> None:
        """Start an empty page; OfdBuilder and PageTemplate do this."""
        super().__init__(width_mm=width_mm, height_mm=height_mm)
        self._resources = resources
        self._layer = resources.ids.take()
        self._objects: list[str] = []

    def path(
        self,
        segments: Sequence[tuple[str, Sequence[float]]],
        *,
        stroke: Color | None = None,
        fill: Color | None = None,
        line_mm: float = 0.25,
        even_odd: bool = False,
    ) -> None:
        """Draw lines and curves as PageCanvas has them."""
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

    def content(self) -> str:
        """Give the Layer as XML."""
        return f'<ofd:Layer ID="{self._layer}">{"".join(self._objects)}</ofd:Layer>'

    def _measured(self, text: str, font: str) -> list[float]:
        prepared = self._resources.font(font, text)
        try:
            return prepared.advances(text)
        except DrawingRefused as error:
            raise refusal("missing-glyph", str(error)) from error

    def _put_text(
        self,
        text: str,
        advances: Sequence[float],
        *,
        at: tuple[float, float],
        width_mm: float,
        size_mm: float,
        font: str,
        color: Color,
    ) -> None:
        box = f"{_mm(at[0])} {_mm(at[1])} {_mm(width_mm)} {_mm(size_mm)}"
        number = self._resources.font_ids[font]
        self._objects.append(
            f'<ofd:TextObject ID="{self._resources.ids.take()}" Boundary="{box}" Font="{number}"'
            f' Size="{_mm(size_mm)}">{_fill(color)}<ofd:TextCode X="0" Y="{_mm(size_mm * ASCENT)}"'
            f"{_deltas(advances)}>{escape(text)}</ofd:TextCode></ofd:TextObject>"
        )

    def _refusal(self, code: str, detail: str) -> OfdRefused:
        return refusal(code, detail)


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
