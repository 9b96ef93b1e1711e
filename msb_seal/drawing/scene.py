"""Scenes: what is on a page or in a picture, in millimetres from the left upper corner, y down.

A scene says what is drawn, not how: svg.py, pdf.py and png.py render it. Items are drawn in order,
later ones on top. Colours are sRGB, 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_seal.drawing.paths import IDENTITY, Matrix, Path, compose, joined, moved, scaled
from msb_seal.errors import DrawingRefused

if TYPE_CHECKING:
    from msb_seal.drawing.fonts import Font
    from msb_seal.drawing.images import Image

Color = tuple[int, int, int]

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)
MAX_SIDE_MM = 5_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A path filled, stroked or both, at its place in millimetres."""

    path: Path
    fill: Color | None = None
    stroke: Color | None = None
    stroke_width_mm: float = 0.35


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text that starts at (x_mm, y_mm) on its base line.

    size_mm: the em. condense: the width of each character as part of its own (0.8: narrower).
    advances_mm: how far it is from each character to the next, None for the font's own widths.
    In a PDF it is text that can be selected and searched; in an SVG it is outlines.
    """

    text: str
    font: Font = field(repr=False)
    size_mm: float
    x_mm: float
    y_mm: float
    color: Color = BLACK
    condense: float = 1
    advances_mm: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what the font lacks, and advances that are too few."""
        self.font.require(self.text)
        if self.advances_mm is not None and len(self.advances_mm) < len(self.text) - 1:
            message = f"{len(self.text)} characters with {len(self.advances_mm)} advances"
            raise DrawingRefused(message)

    def offsets_mm(self) -> tuple[float, ...]:
        """Give where each character starts, from x_mm, and where the last one ends."""
        offsets, at = [0.0], 0.0
        for n, character in enumerate(self.text):
            if self.advances_mm is not None and n < len(self.advances_mm):
                at += self.advances_mm[n]
            else:
                at += self.font.advance(character) * self.size_mm * self.condense
            offsets.append(at)
        return tuple(offsets)

    def outlines(self) -> Path:
        """Give the text as one path, at its place."""
        size = scaled(self.size_mm * self.condense, self.size_mm)
        return joined(
            self.font.outline(character).placed(compose(moved(self.x_mm + offset, self.y_mm), size))
            for character, offset in zip(self.text, self.offsets_mm(), strict=False)
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """An image stretched over a rectangle."""

    image: Image
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class Group:
    """Items drawn together: moved by a matrix, cut by a clip path, seen through.

    The clip is in the coordinates of the items, before the matrix. The opacity (0 to 1) counts for
    each item on its own.
    """

    items: tuple[Item, ...]
    matrix: Matrix = IDENTITY
    clip: Path | None = None
    opacity: float = 1


Item = Shape | Text | Picture | Group


@dataclass(frozen=True, slots=True)
class Scene:
    """A page or a picture with its size."""

    width_mm: float
    height_mm: float
    items: tuple[Item, ...] = field(repr=False)
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse a size that nobody can print."""
        for side in (self.width_mm, self.height_mm):
            if not 0 < side <= MAX_SIDE_MM:
                message = f"a side of {side} mm; more than 0 and at most {MAX_SIDE_MM} can be drawn"
                raise DrawingRefused(message)
