"""Text objects (GB/T 33190-2016, clause 11): where each character stands.

A TextCode gives the first character's base-line point and, in DeltaX and DeltaY, how far it is to
each next one. Without them the widths of the font count, which the caller knows or guesses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_seal.drawing.paths import apply
from msb_seal.ofd import graphics
from msb_seal.ofd.package import local_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxml import etree

    from msb_seal.drawing.paths import Matrix
    from msb_seal.ofd.walking import PlacedObject

MAX_CHARACTERS = 100_000
"""In one text object."""
ASCENT = 0.88
_WIDE = 0x2E80  # from here on characters are mostly as wide as high
_DEFAULT_SIZE = 3.0


@dataclass(frozen=True, slots=True)
class PlacedGlyph:
    """One character at its base-line point, in the object's coordinates.

    glyph: its index in the font where the object names it (CGTransform); then `character` may be
    one of several that the glyph stands for. advance: to the next character, or its own width.
    """

    character: str
    glyph: int | None
    x: float
    y: float
    advance: float


@dataclass(frozen=True, slots=True)
class TextStyle:
    """Size of the em, horizontal scale, and the turn of the characters in degrees."""

    size: float
    scale: float
    turn: float
    italic: bool


def text_style(element: etree._Element) -> TextStyle:
    """Read a TextObject's attributes."""
    return TextStyle(
        graphics.number(element.get("Size"), _DEFAULT_SIZE),
        graphics.number(element.get("HScale"), 1.0),
        graphics.number(element.get("CharDirection"), 0.0),
        element.get("Italic") == "true",
    )


def guessed_width(character: str) -> float:
    """Give a character's likely width in em, for those who have no font at hand."""
    return 1.0 if ord(character) >= _WIDE else 0.5


def placed_glyphs(
    element: etree._Element, *, width: Callable[[str], float] = guessed_width
) -> Iterator[PlacedGlyph]:
    """Give the characters of a TextObject; `width` tells a character's own width in em."""
    style = text_style(element)
    down = graphics.number(element.get("ReadDirection"), 0.0) in {90, 270}
    glyphs = _named_glyphs(element)
    x = y = 0.0
    at = 0
    for code in element:
        if local_name(code) != "TextCode":
            continue
        text = "".join(code.itertext())[: MAX_CHARACTERS - at]
        x, y = graphics.number(code.get("X"), x), graphics.number(code.get("Y"), y)
        if not text:
            continue
        steps_x = graphics.distances(code.get("DeltaX"), len(text) - 1)
        steps_y = graphics.distances(code.get("DeltaY"), len(text) - 1)
        for n, character in enumerate(text):
            own = width(character) * style.size * style.scale
            last = n == len(text) - 1
            step_x = steps_x[n] if steps_x and not last else 0.0
            step_y = steps_y[n] if steps_y and not last else 0.0
            if not steps_x and not steps_y and not last:
                step_x, step_y = (0.0, own) if down else (own, 0.0)
            advance = math.hypot(step_x, step_y)
            yield PlacedGlyph(character, glyphs.get(at), x, y, min(advance, own) or own)
            x, y, at = x + step_x, y + step_y, at + 1


def character_box(
    glyph: PlacedGlyph, style: TextStyle, matrix: Matrix
) -> tuple[float, float, float, float]:
    """Give (left, top, right, bottom) of a character on the page."""
    top, bottom = glyph.y - ASCENT * style.size, glyph.y + (1 - ASCENT) * style.size
    corners = [
        apply(matrix, (x, y)) for x in (glyph.x, glyph.x + glyph.advance) for y in (top, bottom)
    ]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return (min(xs), min(ys), max(xs), max(ys))


def found_text(placed: PlacedObject) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    """Give the object's characters with their boxes on the page."""
    style = text_style(placed.element)
    for glyph in placed_glyphs(placed.element):
        yield glyph.character, character_box(glyph, style, placed.matrix)


def _named_glyphs(element: etree._Element) -> dict[int, int]:
    """Read the CGTransforms (11.4): the glyph for each character position.

    Where several characters become fewer glyphs, the first ones take them and the rest take -1,
    which draws nothing.
    """
    found: dict[int, int] = {}
    left = MAX_CHARACTERS
    for transform in element:
        if local_name(transform) != "CGTransform":
            continue
        start = int(graphics.number(transform.get("CodePosition"), 0))
        codes = int(graphics.number(transform.get("CodeCount"), 1))
        text = next((c.text for c in transform if local_name(c) == "Glyphs"), None)
        glyphs = [int(n) for n in graphics.numbers(text) or ()]
        codes = max(0, min(codes, left))
        left -= codes
        for n in range(codes):
            found[start + n] = glyphs[n] if n < len(glyphs) else -1
    return found
