"""Canvas: text, lines, rectangles, tables and pictures placed on a page, whatever it is written as.

What is measured is measured here, so that the same calls compose the same page: SceneCanvas makes
a scene of it (for PDF), the canvas of an OFD writes its XML. Millimetres from the upper left
corner, y downwards; texts are placed by the upper left corner of their line, whose height is the
size of the type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from msb_seal.drawing.images import Image
from msb_seal.drawing.paths import Path
from msb_seal.drawing.scene import Picture, Scene, Shape, Text
from msb_seal.errors import DrawingRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from msb_seal.drawing.fontfile import PreparedFont
    from msb_seal.drawing.scene import Color, Item

Align = Literal["left", "center", "right"]
ASCENT = 0.88
"""From the top of a line to its base line, in parts of the size: that of Chinese typefaces."""
LEAST_SIZE_MM = 1.0
"""Nobody reads type smaller than this (under 3 points)."""
_BLACK: Color = (0, 0, 0)
_NO_BREAK_BEFORE = frozenset("，。、；：？！）》」』】〉”’…—%,.;:?!)]}")


class PageCanvas(ABC):
    """Draws on one page; what is drawn later lies on top."""

    def __init__(self, *, width_mm: float, height_mm: float) -> None:
        """Start an empty page."""
        self.width_mm, self.height_mm = width_mm, height_mm

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
        fit. spacing_mm: added between characters. Refused ("missing-glyph") naming a character that
        the font lacks, ("missing-font") for a font that was not prepared, ("too-long") where it
        would become smaller than LEAST_SIZE_MM.
        """
        if not text:
            return 0.0
        advances = self._measured(text, font)
        natural = sum(advances) * size_mm + spacing_mm * (len(text) - 1)
        if width_mm is not None and natural > width_mm:
            ratio = width_mm / natural
            size_mm, spacing_mm, natural = size_mm * ratio, spacing_mm * ratio, width_mm
        if size_mm < LEAST_SIZE_MM:
            raise self._refusal("too-long", text)
        if width_mm is not None and align != "left":
            x_mm += (width_mm - natural) * (0.5 if align == "center" else 1)
        self._put_text(
            text,
            [advance * size_mm + spacing_mm for advance in advances[:-1]],
            at=(x_mm, y_mm),
            width_mm=natural,
            size_mm=size_mm,
            font=font,
            color=color,
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

        Breaks between Han characters and at spaces, never before a closing mark. Spaces at the
        beginning of the text stay, as an indent.
        """
        step = size_mm * 1.5 if line_mm is None else line_mm
        for line in self.lines(text, width_mm=width_mm, size_mm=size_mm, font=font):
            self.text(line, x_mm=x_mm, y_mm=y_mm, size_mm=size_mm, font=font, color=color)
            y_mm += step
        return y_mm

    def lines(
        self, text: str, *, width_mm: float, size_mm: float, font: str = "song"
    ) -> Iterator[str]:
        """Break a text into lines as `paragraph` does."""
        for given in text.split("\n"):
            yield from self._lines(given, width_mm / size_mm, font)

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

    @abstractmethod
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

    @abstractmethod
    def image(
        self, data: bytes, *, x_mm: float, y_mm: float, width_mm: float, height_mm: float
    ) -> None:
        """Put a PNG or JPEG, stretched over the box; refused ("bad-picture") for another."""

    @abstractmethod
    def _measured(self, text: str, font: str) -> list[float]:
        """Give each character's advance in em."""

    @abstractmethod
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
        """Put a measured line: how far it is from each character to the next, in mm."""

    @abstractmethod
    def _refusal(self, code: str, detail: str) -> Exception:
        """Make what is raised."""

    def _lines(self, text: str, width: float, font: str) -> Iterator[str]:
        """Break a text into lines of at most `width` em."""
        advances = self._measured(text, font) if text else []
        start, used, space = 0, 0.0, -1
        for n, (character, advance) in enumerate(zip(text, advances, strict=True)):
            used += advance
            if character == " ":
                space = n
            if used <= width or n == start or character in _NO_BREAK_BEFORE:
                continue
            end = space + 1 if space > start and character.isascii() and character != " " else n
            yield text[start:end].strip() if start else text[:end].rstrip()  # an indent stays
            start, space, used = end, -1, sum(advances[end : n + 1])
        yield text[start:].strip() if start else text.rstrip()


class SceneCanvas(PageCanvas):
    """Draws a scene; everything refused is DrawingRefused."""

    def __init__(
        self, fonts: Mapping[str, PreparedFont], *, width_mm: float = 210, height_mm: float = 297
    ) -> None:
        """Start an empty page of A4; fonts: by the names under which texts ask for them."""
        super().__init__(width_mm=width_mm, height_mm=height_mm)
        self._fonts = fonts
        self._items: list[Item] = []

    def put(self, *items: Item) -> None:
        """Put items of a drawing, in mm of the page."""
        self._items += items

    def scene(self, *, title: str = "") -> Scene:
        """Give the page as it is by now."""
        return Scene(self.width_mm, self.height_mm, tuple(self._items), title)

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
        path = Path(tuple((letter, tuple(values)) for letter, values in segments), even_odd)
        self.put(Shape(path, fill, stroke, line_mm))

    def image(
        self, data: bytes, *, x_mm: float, y_mm: float, width_mm: float, height_mm: float
    ) -> None:
        """Put a PNG, JPEG, GIF or BMP, stretched over the box."""
        self.put(Picture(Image.read(data), x_mm, y_mm, width_mm, height_mm))

    def _measured(self, text: str, font: str) -> list[float]:
        if font not in self._fonts:
            raise self._refusal("missing-font", font)
        return self._fonts[font].advances(text)

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
        _ = width_mm
        source, (x, y) = self._fonts[font].font, at
        self.put(
            Text(text, source, size_mm, x, y + size_mm * ASCENT, color, advances_mm=tuple(advances))
        )

    def _refusal(self, code: str, detail: str) -> DrawingRefused:
        return DrawingRefused(f"{code}: {detail}")
