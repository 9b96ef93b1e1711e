"""Drawing designs: proportions as on real seals, and the renderings of what was drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_seal.drawing import (
    Font,
    Path,
    Picture,
    Scene,
    Shape,
    ellipse,
    joined,
    polygon,
    rectangle,
    to_pdf,
    to_png,
    to_svg,
)
from msb_seal.errors import DrawingRefused
from msb_seal.pictures.bending import bend
from msb_seal.pictures.designs import NameSeal, OvalSeal, RoundSeal, Script, Star
from msb_seal.pictures.lettering import Ring, in_cell, on_line
from msb_seal.seals.model import SealPicture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_seal.drawing import Color, Image, Item
    from msb_seal.pictures.lettering import Cell

MIN_DPI, MAX_DPI = 72, 1_200
_STAR_INNER = math.sin(math.radians(18)) / math.sin(math.radians(54))  # of a true pentagram
_SECOND = 0.085  # of the diameter: the height of a second ring's text
_BOLD = 0.022  # of a character's height: condensed Song needs its strokes back
_NAME_BOLD = 0.04  # the same for names, whose strokes are to match the frame


@dataclass(frozen=True, slots=True)
class SealDrawing:
    """A drawn seal."""

    scene: Scene = field(repr=False)

    @property
    def width_mm(self) -> float:
        """Its width."""
        return self.scene.width_mm

    @property
    def height_mm(self) -> float:
        """Its height."""
        return self.scene.height_mm

    def svg(self) -> bytes:
        """Give it as SVG, self-contained, text as outlines."""
        return to_svg(self.scene)

    def pdf(self) -> bytes:
        """Give it as a PDF page of its size."""
        return to_pdf(self.scene)

    def png(self, *, dpi: int = 600) -> bytes:
        """Give it as PNG on a transparent ground; DrawingRefused beyond 72 to 1200 dpi."""
        if not MIN_DPI <= dpi <= MAX_DPI:
            message = f"分辨率应为 {MIN_DPI} 至 {MAX_DPI} / {dpi} dpi, not {MIN_DPI} to {MAX_DPI}"
            raise DrawingRefused(message)
        return to_png(self.scene, dpi=dpi)

    def as_seal_picture(self, kind: str = "PNG", *, dpi: int = 600) -> SealPicture:
        """Give it as the picture of an e-seal: "PNG" or "SVG", its size in whole millimetres."""
        made = {"PNG": lambda: self.png(dpi=dpi), "SVG": self.svg}.get(kind.upper())
        if made is None:
            message = f"图片类型应为 PNG 或 SVG / no seal picture of type {kind!r}: PNG, SVG"
            raise DrawingRefused(message)
        return SealPicture(kind.upper(), made(), round(self.width_mm), round(self.height_mm))


def draw(design: RoundSeal | OvalSeal | NameSeal) -> SealDrawing:
    """Draw a seal; DrawingRefused where its font lacks a character."""
    match design:
        case RoundSeal():
            return _round(design)
        case OvalSeal():
            return _oval(design)
        case NameSeal():
            return _name(design)


def _round(seal: RoundSeal) -> SealDrawing:
    size, font = seal.diameter_mm, seal.font or Font.load("song")
    middle, radius = (size / 2, size / 2), size / 2
    border = seal.border_mm
    items: list[Item] = [_band(middle, radius, radius, border, seal.color)]
    inside = radius - border
    if seal.inner_border_mm:
        inside -= 1.2 * seal.inner_border_mm + 0.4
        items.append(_band(middle, inside, inside, seal.inner_border_mm, seal.color))
        inside -= seal.inner_border_mm
    items += _rings(seal, Ring(middle, inside - 0.022 * size, inside - 0.022 * size), font)
    items += _centre(seal, middle)
    if seal.line:
        place = (size / 2, size * (0.735 if seal.centre else 0.56))
        line = on_line(seal.line, font, middle=place, height=0.095 * size, width=0.5 * size)
        items.append(_letters(line, 0.095 * size, seal.color))
    if seal.serial:
        edge = Ring(middle, inside - 0.025 * size, inside - 0.025 * size)
        serial = edge.below(seal.serial, Font.load("hei"), height=0.04 * size, sweep=100)
        items.append(Shape(serial, fill=seal.color))
    return SealDrawing(Scene(size, size, tuple(items), seal.text))


def _rings(seal: RoundSeal, ring: Ring, font: Font) -> list[Item]:
    """Set the text, and inside it the second one where there is one."""
    size, sweep = seal.diameter_mm, 236 if seal.serial else (250 if seal.line else 290)
    if not _has_second(seal):
        text, height = ring.around(seal.text, font, height=(0.155 * size, 0.1 * size), sweep=sweep)
        return [_letters(text, height, seal.color)]
    text, height = ring.around(seal.text, font, height=(0.105 * size, 0.085 * size), sweep=sweep)
    radius = ring.radius_x - 0.135 * size
    if seal.second_outline is not None:
        second, _ = bend(
            seal.second_outline,
            centre=ring.centre,
            radius=radius,
            height=_SECOND * size,
            sweep=sweep,
        )
        # An outline is given as it shall look: no bolder.
        return [_letters(text, height, seal.color), Shape(second, fill=seal.color)]
    second, second_height = Ring(ring.centre, radius, radius).around(
        seal.second, seal.second_font or font, height=(_SECOND * size, 0.07 * size), sweep=sweep
    )
    return [_letters(text, height, seal.color), _letters(second, second_height, seal.color)]


def _has_second(seal: RoundSeal) -> bool:
    return bool(seal.second) or seal.second_outline is not None


def _centre(seal: RoundSeal, middle: tuple[float, float]) -> list[Item]:
    """Put star or emblem in the middle, smaller where a second ring takes room."""
    if seal.centre is None:
        return []
    share = 0.27 if _has_second(seal) else 0.325
    diameter = seal.centre.diameter_mm or share * seal.diameter_mm
    x, y = middle
    if isinstance(seal.centre, Star):
        return [Shape(_star((x, y), diameter / 2), fill=seal.color)]
    return [_fitted(seal.centre.image, (x, y), diameter)]


def _oval(seal: OvalSeal) -> SealDrawing:
    """Draw the oval; heights and places are those of the invoice seal (40 × 30), to scale."""
    width, height = seal.width_mm, seal.height_mm
    font, scale = seal.font or Font.load("song"), height / 30
    middle, border = (width / 2, height / 2), seal.border_mm
    ring = Ring(middle, width / 2 - border - 0.5 * scale, height / 2 - border - 0.5 * scale)
    size = 4.2 * scale
    items: list[Item] = [_band(middle, width / 2, height / 2, border, seal.color)]
    text, text_size = ring.around(seal.text, font, height=(size, size * 0.62), sweep=235)
    items.append(_letters(text, text_size, seal.color))
    x, y = middle
    if seal.number:
        face = seal.number_font or Font.load("hei")
        number = on_line(
            seal.number, face, middle=middle, height=3.7 * scale, width=26 * width / 40
        )
        items.append(Shape(number, fill=seal.color))
    if seal.line:
        place = (x, y + (4.2 + 2.3) * scale)
        line = on_line(seal.line, font, middle=place, height=4.0 * scale, width=15.5 * width / 40)
        items.append(_letters(line, 4.0 * scale, seal.color))
    if seal.serial:
        serial = on_line(
            seal.serial, Font.load("hei"), middle=(x, y + 11.1 * scale), height=1.7 * scale,
            width=9 * width / 40,
        )  # fmt: skip
        items.append(Shape(serial, fill=seal.color))
    return SealDrawing(Scene(width, height, tuple(items), seal.text))


def _name(seal: NameSeal) -> SealDrawing:
    width, height = seal.width_mm, seal.height_mm
    white = seal.script is Script.WHITE
    # White strokes must be as broad as the red between them: Hei, unless a font is given.
    font = seal.font or Font.load("hei" if white else "song")
    outer = rectangle(0, 0, width, height, radius=0.4)
    edge = seal.border_mm
    cells = _cells(len(seal.text), edge + 0.05 * min(width, height), width, height)
    letters = joined(
        in_cell(character, font, cell) for character, cell in zip(seal.text, cells, strict=True)
    )
    if white:
        ground = Path((*outer.segments, *letters.segments), even_odd=True)
        items: tuple[Item, ...] = (Shape(ground, fill=seal.color),)
    else:
        inner = rectangle(edge, edge, width - 2 * edge, height - 2 * edge)
        frame = Path((*outer.segments, *inner.segments), even_odd=True)
        smallest = min(min(cell[2:]) for cell in cells)
        bold = _letters(letters, smallest, seal.color, bold=_NAME_BOLD)
        items = (Shape(frame, fill=seal.color), bold)
    return SealDrawing(Scene(width, height, items, seal.text))


def _cells(count: int, margin: float, width: float, height: float) -> list[Cell]:
    """Divide the ground: a line from left to right, or columns from right to left."""
    inner_width, inner_height = width - 2 * margin, height - 2 * margin
    gap = 0.05 * min(width, height)
    if width > 1.5 * height:
        each = (inner_width - gap * (count - 1)) / count
        return [(margin + n * (each + gap), margin, each, inner_height) for n in range(count)]
    columns = _columns(count, inner_width / inner_height)
    each = (inner_width - gap * (len(columns) - 1)) / len(columns)
    cells = []
    for column, rows in enumerate(columns):
        tall = (inner_height - gap * (rows - 1)) / rows
        x = width - margin - each - column * (each + gap)
        cells += [(x, margin + row * (tall + gap), each, tall) for row in range(rows)]
    return cells


def _columns(count: int, proportion: float) -> Sequence[int]:
    """Give how many characters each column has; the first, at the right, has the fewest."""
    if count == 1 or proportion < 0.7:  # noqa: PLR2004 - a tall, narrow seal has one column
        return [count]
    columns = 2 if count <= 6 else 3  # noqa: PLR2004 - two by three is the most that two hold
    least, more = divmod(count, columns)
    return [least + (n >= columns - more) for n in range(columns)]


def _band(
    middle: tuple[float, float], radius_x: float, radius_y: float, width: float, color: Color
) -> Shape:
    """Draw a border as the ground between two ellipses."""
    outer = ellipse(middle, radius_x, radius_y)
    inner = ellipse(middle, radius_x - width, radius_y - width)
    return Shape(Path((*outer.segments, *inner.segments), even_odd=True), fill=color)


def _letters(path: Path, height: float, color: Color, *, bold: float = _BOLD) -> Shape:
    """Draw letters a little bolder than their font."""
    return Shape(path, fill=color, stroke=color, stroke_width_mm=bold * height)


def _star(middle: tuple[float, float], radius: float) -> Path:
    x, y = middle
    points = []
    for n in range(10):
        reach = radius if n % 2 == 0 else radius * _STAR_INNER
        angle = math.radians(36 * n)
        points.append((x + reach * math.sin(angle), y - reach * math.cos(angle)))
    return polygon(points)


def _fitted(image: Image, middle: tuple[float, float], diameter: float) -> Picture:
    """Place an image whole inside a square, its proportions kept."""
    scale = diameter / max(image.width, image.height)
    width, height = image.width * scale, image.height * scale
    return Picture(image, middle[0] - width / 2, middle[1] - height / 2, width, height)
