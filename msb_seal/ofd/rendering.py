"""Pages as scenes, for previews: paths, text, images as a reader would show them.

Tolerant: an object that cannot be drawn is left out, a font that is not embedded or broken is
replaced by Song or Hei, squeezed where the original is narrower. Gradients are drawn in their first
colour, dashes as lines. What costs too much is OfdRefused ("too-complex").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_seal.drawing.fonts import Font
from msb_seal.drawing.images import Image
from msb_seal.drawing.paths import Path, compose, joined, moved, rectangle, scaled, turned
from msb_seal.drawing.scene import Group, Picture, Shape
from msb_seal.errors import DrawingRefused
from msb_seal.ofd import graphics
from msb_seal.ofd.package import child, child_text, local_name
from msb_seal.ofd.texts import placed_glyphs, text_style
from msb_seal.ofd.walking import PageWalk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from msb_seal.drawing.paths import Matrix
    from msb_seal.drawing.scene import Color, Item
    from msb_seal.ofd.document import Document, Page, Resource
    from msb_seal.ofd.texts import PlacedGlyph, TextStyle
    from msb_seal.ofd.walking import PlacedObject
    from msb_seal.placement import Box

_MAX_PARAM_DEPTH = 16
_BLACK: Color = (0, 0, 0)
_LINE_MM = 0.353  # the standard's default (8.2)
_HEI_NAMES = ("黑", "hei", "sans", "arial", "helvetica", "gothic", "雅黑", "dengxian", "等线")
_CLIP_TOLERANCE_MM = 0.3
_SLANT: Matrix = (1, 0, -0.25, 1, 0, 0)
_CHARACTERS_PER_UNIT = 8  # of path data, against the document's budget


@dataclass(frozen=True, slots=True)
class _Face:
    """The font that a text is drawn in: the embedded one, and a built-in one for what it lacks."""

    embedded: Font | None
    built_in: Font

    def width(self, character: str) -> float:
        font = self._font(character)
        return font.advance(character) if font is not None else 1.0

    def outline(self, glyph: PlacedGlyph, size: float) -> Path | None:
        """Give the glyph's outline in em, narrowed to its advance if the font is a substitute."""
        if glyph.glyph is not None and self.embedded is not None:
            return self.embedded.glyph_outline(glyph.glyph) if glyph.glyph >= 0 else None
        font = self._font(glyph.character)
        if font is None:
            return rectangle(0.1, -0.75, 0.7, 0.7) if glyph.character.strip() else None
        outline = font.outline(glyph.character)
        if font is self.embedded or not size:
            return outline
        own = font.advance(glyph.character)
        ratio = glyph.advance / size / own if own else 1
        return outline.placed(scaled(ratio, 1)) if ratio < 1 else outline

    def _font(self, character: str) -> Font | None:
        for font in (self.embedded, self.built_in):
            if font is not None and font.has(character):
                return font
        return None


class PageRenderer:
    """Draws the pages of one document; fonts and images are read once."""

    def __init__(self, document: Document) -> None:
        """Start with nothing read."""
        self._document = document
        self._faces: dict[tuple[str | None, str], _Face] = {}
        self._images: dict[str, Image | None] = {}

    def page(self, page: Page) -> tuple[Box, list[Item]]:
        """Give a page's area and what is on it, in mm from its left upper corner; OfdRefused."""
        walk = PageWalk(self._document, page)
        items: list[Item] = []
        for placed in walk:
            try:
                drawn = self._drawn(placed)
            except DrawingRefused:
                continue
            if drawn is not None:
                items.append(drawn)
        return walk.area, items

    def _drawn(self, placed: PlacedObject) -> Item | None:
        if placed.kind == "TextObject":
            item = self._text(placed)
        elif placed.kind == "PathObject":
            item = self._path(placed)
        else:
            item = self._image(placed)
        if item is not None and placed.opacity < 1:
            return Group((item,), opacity=placed.opacity)
        return item

    def _text(self, placed: PlacedObject) -> Item | None:
        element = placed.element
        style = text_style(element)
        face = self._face(placed)
        parts = [
            path.placed(_at(glyph, style))
            for glyph in placed_glyphs(element, width=face.width)
            if (path := self._outline(face, glyph, style)) is not None
        ]
        fill = element.get("Fill") != "false"
        stroke = element.get("Stroke") == "true"
        if not parts or not (fill or stroke):
            return None
        return Shape(
            joined(parts).placed(placed.matrix),
            fill=self._color(placed, "FillColor") if fill else None,
            stroke=self._color(placed, "StrokeColor") if stroke else None,
            stroke_width_mm=self._line_width(placed),
        )

    def _outline(self, face: _Face, glyph: PlacedGlyph, style: TextStyle) -> Path | None:
        self._document.budget.spend()
        try:
            outline = face.outline(glyph, style.size * style.scale)
        except DrawingRefused:  # a broken glyph leaves a gap, not an empty line
            return None
        self._document.budget.spend(0 if outline is None else len(outline.segments) // 64)
        return outline

    def _path(self, placed: PlacedObject) -> Item | None:
        element = placed.element
        data = child_text(element, "AbbreviatedData") or ""
        self._document.budget.spend(len(data) // _CHARACTERS_PER_UNIT)
        even_odd = element.get("Rule") == "Even-Odd"
        path = graphics.path(data, even_odd=even_odd).placed(placed.matrix)
        fill = element.get("Fill") == "true"
        stroke = element.get("Stroke") != "false"
        if not path.segments or not (fill or stroke):
            return None
        shape = Shape(
            path,
            fill=self._color(placed, "FillColor") if fill else None,
            stroke=self._color(placed, "StrokeColor") if stroke else None,
            stroke_width_mm=self._line_width(placed),
        )
        return _clipped(shape, path, placed)

    def _image(self, placed: PlacedObject) -> Item | None:
        resource = placed.resources.get(placed.element.get("ResourceID", ""))
        image = None if resource is None or resource.file is None else self._read(resource.file)
        if image is None:
            return None
        matrix, box = placed.matrix, placed.box
        if placed.element.get("CTM") is None:  # then it fills its boundary
            matrix = compose(placed.outer, scaled(box.width_mm, box.height_mm))
        return Group((Picture(image, 0, 0, 1, 1),), matrix=matrix)

    def _read(self, name: str) -> Image | None:
        if name not in self._images:
            self._images[name] = self._decoded(self._document.package.entry(name))
        return self._images[name]

    def _decoded(self, data: bytes) -> Image | None:
        """Read an image whole, so that a broken one does not spoil the page when that is drawn."""
        try:
            image = Image.read(data)
            if not self._document.budget.has_room_for(image.width * image.height):
                return None
            _ = image.pixels
        except DrawingRefused:
            return None
        return image

    def _face(self, placed: PlacedObject) -> _Face:
        resource = placed.resources.get(placed.element.get("Font", ""))
        name = "" if resource is None else resource.element.get("FontName", "")
        file = None if resource is None else resource.file
        key = (file, name)
        if key not in self._faces:
            self._faces[key] = _Face(self._embedded(file), _substitute(name))
        return self._faces[key]

    def _embedded(self, file: str | None) -> Font | None:
        if file is None:
            return None
        try:
            return Font(self._document.package.entry(file))
        except DrawingRefused:
            return None

    def _color(self, placed: PlacedObject, name: str) -> Color | None:
        """Give the object's colour, or that of its drawing parameters; black by default."""
        for element in (placed.element, *_parameters(placed)):
            found = child(element, name)
            if found is not None:
                return _color(found)
        return _BLACK

    def _line_width(self, placed: PlacedObject) -> float:
        width = _LINE_MM
        for element in (placed.element, *_parameters(placed)):
            if element.get("LineWidth"):
                width = graphics.number(element.get("LineWidth"), _LINE_MM)
                break
        a, b, c, d, _, _ = placed.matrix
        return abs(width) * math.sqrt(abs(a * d - b * c))


def _at(glyph: PlacedGlyph, style: TextStyle) -> Matrix:
    matrix = compose(moved(glyph.x, glyph.y), turned(style.turn))
    if style.italic:
        matrix = compose(matrix, _SLANT)
    return compose(matrix, scaled(style.size * style.scale, style.size))


def _parameters(placed: PlacedObject) -> Iterator[etree._Element]:
    """Give the drawing parameters (8.2) that count for an object, nearest first."""
    identifier = placed.draw_param
    for _ in range(_MAX_PARAM_DEPTH):
        resource: Resource | None = placed.resources.get(identifier or "")
        if resource is None or local_name(resource.element) != "DrawParam":
            return
        yield resource.element
        identifier = resource.element.get("Relative")


def _color(element: etree._Element) -> Color | None:
    """Read a CT_Color; a gradient is its first colour, a pattern nothing."""
    if element.get("Value") is not None:
        return graphics.color(element.get("Value")) or _BLACK
    for inner in element.iter():
        if local_name(inner) == "Color":
            return graphics.color(inner.get("Value"))
    return None if len(element) else _BLACK


def _clipped(shape: Shape, path: Path, placed: PlacedObject) -> Item:
    """Cut a path that reaches out of its boundary, as the standard says (8.5).

    A boundary without width or height belongs to a line drawn by a careless writer.
    """
    box = placed.box
    if box.width_mm <= 0 or box.height_mm <= 0:
        return shape
    clip = rectangle(0, 0, box.width_mm, box.height_mm).placed(placed.outer)
    inner, outer = path.box(), clip.box()
    if inner is None or outer is None:
        return shape
    tolerance = _CLIP_TOLERANCE_MM
    inside = (
        inner[0] >= outer[0] - tolerance
        and inner[1] >= outer[1] - tolerance
        and inner[2] <= outer[2] + tolerance
        and inner[3] <= outer[3] + tolerance
    )
    return shape if inside else Group((shape,), clip=clip)


def _substitute(name: str) -> Font:
    """Give the built-in font that is most like the named one."""
    folded = name.casefold()
    return Font.load("hei" if any(part in folded for part in _HEI_NAMES) else "song")
