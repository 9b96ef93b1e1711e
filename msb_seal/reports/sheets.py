"""Pages of A4 on which a report runs from top to bottom: a place that moves down, and new pages.

What a font cannot show is shown as an empty box, so that no name stops a report.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from msb_seal.drawing import Group, Shape, ellipse, rectangle
from msb_seal.drawing.canvas import SceneCanvas
from msb_seal.drawing.fontfile import PreparedFont

if TYPE_CHECKING:
    from msb_seal.drawing import Color, Scene

WIDTH_MM, HEIGHT_MM = 210.0, 297.0
LEFT_MM, RIGHT_MM, TOP_MM, BOTTOM_MM = 18.0, 192.0, 18.0, 278.0
FONT = "hei"
INK: Color = (23, 33, 43)
SOFT: Color = (92, 107, 122)
LINE: Color = (221, 228, 234)
WHITE: Color = (255, 255, 255)
_MISSING = "□"
_STEP = 1.45
_RADIUS_MM, _BAR_MM = 2.5, 3.5


class Sheets:
    """The pages so far, and how far down the last one is filled."""

    def __init__(self) -> None:
        """Begin with one empty page."""
        self.pages: list[SceneCanvas] = []
        self.y_mm = TOP_MM
        self.turn()

    @property
    def page(self) -> SceneCanvas:
        """The page that is being filled."""
        return self.pages[-1]

    def turn(self) -> None:
        """Begin a new page."""
        self.pages.append(SceneCanvas(_fonts(), width_mm=WIDTH_MM, height_mm=HEIGHT_MM))
        self.y_mm = TOP_MM

    def need(self, height_mm: float) -> None:
        """Begin a new page unless so much room is left on this one."""
        if self.y_mm + height_mm > BOTTOM_MM and self.y_mm > TOP_MM:
            self.turn()

    def skip(self, height_mm: float) -> None:
        """Leave room."""
        self.y_mm += height_mm

    def box(
        self,
        height_mm: float,
        fill: Color | None,
        *,
        left_mm: float = LEFT_MM,
        right_mm: float = RIGHT_MM,
        stroke: Color | None = None,
        radius_mm: float = _RADIUS_MM,
    ) -> None:
        """Draw a box that begins here and is so high; the place does not move."""
        path = rectangle(left_mm, self.y_mm, right_mm - left_mm, height_mm, radius=radius_mm)
        self.page.put(Shape(path, fill, stroke, 0.3))

    def bar(self, height_mm: float, fill: Color) -> None:
        """Colour the left edge of a box that begins here, within its round corners."""
        outline = rectangle(LEFT_MM, self.y_mm, RIGHT_MM - LEFT_MM, height_mm, radius=_RADIUS_MM)
        bar = Shape(rectangle(LEFT_MM, self.y_mm, _BAR_MM, height_mm), fill)
        self.page.put(Group((bar,), clip=outline))

    def disc(self, x_mm: float, y_mm: float, radius_mm: float, fill: Color) -> None:
        """Draw a filled circle."""
        self.page.put(Shape(ellipse((x_mm, y_mm), radius_mm), fill))

    def write(
        self, text: str, *, x_mm: float, width_mm: float, size_mm: float, color: Color = INK
    ) -> None:
        """Write a text over as many lines as it needs, and move below it."""
        for line in lines_of(text, width_mm=width_mm, size_mm=size_mm):
            self.need(size_mm * _STEP)
            self.page.text(line, x_mm=x_mm, y_mm=self.y_mm, size_mm=size_mm, font=FONT, color=color)
            self.skip(size_mm * _STEP)

    def scenes(self, *, title: str) -> list[Scene]:
        """Give the pages."""
        return [page.scene(title=title) for page in self.pages]


def lines_of(text: str, *, width_mm: float, size_mm: float) -> list[str]:
    """Break a text into lines; nothing for an empty one."""
    if not text:
        return []
    measure = SceneCanvas(_fonts())
    return list(measure.lines(drawable(text), width_mm=width_mm, size_mm=size_mm, font=FONT))


def height_of(text: str, *, width_mm: float, size_mm: float) -> float:
    """Give how far `Sheets.write` moves down, new pages aside."""
    return len(lines_of(text, width_mm=width_mm, size_mm=size_mm)) * size_mm * _STEP


def drawable(text: str) -> str:
    """Give the text with an empty box for each character that the font lacks."""
    font = _fonts()[FONT].font
    return "".join(character if font.has(character) else _MISSING for character in text)


@lru_cache(1)
def _fonts() -> dict[str, PreparedFont]:
    return {FONT: PreparedFont.load(FONT)}
