"""Seal pictures in SVG, for previews: the shapes that drawing programs write (SVG 1.1).

Paths, simple shapes, groups, transforms, fills, strokes, clips by a path, embedded images. No
styles in sheets, gradients, filters, text or scripts; nothing is fetched.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_seal.drawing.images import Image
from msb_seal.drawing.paths import (
    IDENTITY,
    Matrix,
    Path,
    PathBuilder,
    compose,
    ellipse,
    joined,
    moved,
    polygon,
    rectangle,
    scaled,
    turned,
)
from msb_seal.drawing.scene import Group, Picture, Shape
from msb_seal.errors import DrawingRefused
from msb_seal.ofd.document import Budget
from msb_seal.ofd.graphics import arc_to, number, numbers
from msb_seal.ofd.package import local_name, parse_xml
from msb_seal.ofd.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from msb_seal.drawing.scene import Color, Item

MAX_SVG_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 32
_NAMED = {"black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0), "blue": (0, 0, 255)}
_TOKEN = re.compile(r"[MmLlHhVvCcSsQqTtAaZz]|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_TRANSFORM = re.compile(r"(matrix|translate|scale|rotate)\s*\(([^)]*)\)")
_URL = re.compile(r"url\(\s*[\"']?#([^)\"']+)[\"']?\s*\)")
_MAX_NUMBER = 1e7


@dataclass(frozen=True, slots=True)
class _Style:
    """What children inherit."""

    fill: Color | None = (0, 0, 0)
    stroke: Color | None = None
    stroke_width: float = 1.0
    even_odd: bool = False


def read_svg(data: bytes, budget: Budget) -> tuple[Item, ...]:
    """Give a picture as items in the unit square, stretched over it.

    budget: what its embedded images may take.

    Raises OfdRefused for what is no SVG, or one without a size.
    """
    if len(data) > MAX_SVG_BYTES:
        raise refusal("too-large", "SVG")
    root = parse_xml(data, name="SVG")
    view = numbers(root.get("viewBox"))
    if view is None or len(view) != 4:  # noqa: PLR2004 - x, y, width, height
        view = [0, 0, _length(root.get("width")), _length(root.get("height"))]
    if local_name(root) != "svg" or not (view[2] > 0 and view[3] > 0):
        raise refusal("bad-picture", "SVG")
    matrix = compose(scaled(1 / view[2], 1 / view[3]), moved(-view[0], -view[1]))
    frame = rectangle(view[0], view[1], view[2], view[3])
    items = _SvgReader(root, budget).items(root, _style(root, _Style()), 0)
    return (Group(tuple(items), matrix, frame),)


def svg_outline(data: bytes) -> Path:
    """Give the filled shapes of a picture as one path (non-zero rule), in the picture's own units.

    Raises OfdRefused for what is no SVG.
    """
    (picture,) = read_svg(data, Budget())
    return joined(_filled(picture.items, IDENTITY)) if isinstance(picture, Group) else Path(())


def _filled(items: tuple[Item, ...], matrix: Matrix) -> Iterator[Path]:
    for item in items:
        if isinstance(item, Group):
            yield from _filled(item.items, compose(matrix, item.matrix))
        elif isinstance(item, Shape) and item.fill is not None:
            yield item.path.placed(matrix)


class _SvgReader:
    """Reads the elements of one picture; its clip paths are known by name."""

    def __init__(self, root: etree._Element, budget: Budget) -> None:
        self._budget = budget
        self._clips = {
            element.get("id", ""): element
            for element in root.iter()
            if local_name(element) == "clipPath"
        }

    def items(self, parent: etree._Element, inherited: _Style, depth: int) -> Iterator[Item]:
        if depth > MAX_DEPTH:
            raise refusal("too-complex", "SVG")
        for element in parent:
            kind = local_name(element)
            hidden = _property(element, "display") == "none"
            if hidden or kind in {"", "defs", "clipPath", "mask", "symbol"}:
                continue
            style = _style(element, inherited)
            if kind in {"g", "a", "svg"}:
                inner = tuple(self.items(element, style, depth + 1))
            else:
                item = self._image(element) if kind == "image" else _shape(element, style)
                inner = () if item is None else (item,)
            if inner:
                yield from self._grouped(element, inner)

    def _grouped(self, element: etree._Element, items: tuple[Item, ...]) -> Iterator[Item]:
        """Give the items as they are, or in a group where the element moves or cuts them."""
        matrix = _transform(element.get("transform"))
        opacity = min(1.0, max(0.0, number(_property(element, "opacity"), 1.0)))
        named = _URL.match(_property(element, "clip-path") or "")
        clip = None if named is None else _clip(self._clips.get(named[1]))
        if clip is not None:
            self._budget.spend(len(clip.segments))
        if matrix == IDENTITY and opacity == 1 and clip is None:
            yield from items
        else:
            yield Group(items, matrix, clip, opacity)

    def _image(self, element: etree._Element) -> Item | None:
        href = element.get("{http://www.w3.org/1999/xlink}href") or element.get("href") or ""
        head, _, encoded = href.partition(";base64,")
        if not head.startswith("data:image/"):
            return None
        try:
            image = Image.read(base64.b64decode(encoded))
            if not self._budget.has_room_for(image.width * image.height):
                return None
            _ = image.pixels  # a broken one must not spoil the whole page later
        except (DrawingRefused, binascii.Error, ValueError):
            return None
        x, y = number(element.get("x"), 0), number(element.get("y"), 0)
        width, height = _length(element.get("width")), _length(element.get("height"))
        return Picture(image, x, y, width, height)


def _clip(element: etree._Element | None) -> Path | None:
    for inner in () if element is None else element:
        path = _outline(inner)
        if path is not None:
            even_odd = inner.get("clip-rule") == "evenodd"
            return Path(path.segments, even_odd).placed(_transform(inner.get("transform")))
    return None


def _shape(element: etree._Element, style: _Style) -> Item | None:
    path = _outline(element)
    if path is None or not path.segments or (style.fill is None and style.stroke is None):
        return None
    return Shape(Path(path.segments, style.even_odd), style.fill, style.stroke, style.stroke_width)


def _outline(element: etree._Element) -> Path | None:
    kind = local_name(element)

    def value(name: str) -> float:
        return _length(element.get(name))

    if kind == "path":
        return _path(element.get("d", ""))
    if kind == "rect":
        radius = max(0.0, min(value("rx") or value("ry"), value("width") / 2, value("height") / 2))
        return rectangle(value("x"), value("y"), value("width"), value("height"), radius=radius)
    if kind == "circle":
        return ellipse((value("cx"), value("cy")), value("r"))
    if kind == "ellipse":
        return ellipse((value("cx"), value("cy")), value("rx"), value("ry"))
    if kind == "line":
        return polygon([(value("x1"), value("y1")), (value("x2"), value("y2"))], closed=False)
    if kind in {"polygon", "polyline"}:
        places = numbers(element.get("points")) or []
        points = list(zip(places[::2], places[1::2], strict=False))
        return polygon(points, closed=kind == "polygon") if points else None
    return None


def _path(data: str) -> Path:
    """Read path data (8.3); what follows something unreadable is left out."""
    reader = _PathReader()
    tokens = _TOKEN.findall(data)
    at, letter = 0, ""
    while at < len(tokens):
        if tokens[at].isalpha():
            letter, at = tokens[at], at + 1
        elif letter in {"", "Z", "z"}:
            break
        arity = _ARITY[letter.upper()]
        try:
            values = [float(token) for token in tokens[at : at + arity]]
        except ValueError:
            break
        if len(values) < arity or not all(abs(v) <= _MAX_NUMBER for v in values):
            break
        at += arity
        reader.draw(letter, values)
        # More pairs after a move are lines.
        letter = {"M": "L", "m": "l"}.get(letter, letter)
    return reader.builder.path()


class _PathReader:
    """Draws commands one by one; keeps the point, the beginning and the last control point."""

    def __init__(self) -> None:
        self.builder = PathBuilder()
        self._here = self._start = (0.0, 0.0)
        self._control = (0.0, 0.0)
        self._last = ""

    def draw(self, letter: str, values: list[float]) -> None:
        command, relative = letter.upper(), letter.islower()
        x, y = self._here
        if command == "H":
            values, command = [values[0] + (x if relative else 0), y], "L"
        elif command == "V":
            values, command = [x, values[0] + (y if relative else 0)], "L"
        elif relative and command == "A":
            values = [*values[:5], values[5] + x, values[6] + y]
        elif relative:
            values = [v + (y if n % 2 else x) for n, v in enumerate(values)]
        if command == "Z":
            self.builder.close()
            self._here = self._start
        else:
            self._segment(command, values)
            self._here = (values[-2], values[-1])
        self._last = command

    def _segment(self, command: str, values: list[float]) -> None:
        if command == "M":
            self._start = (values[0], values[1])
            self.builder.move_to(*self._start)
            return
        if not self.builder.segments:
            self.builder.move_to(*self._here)
        end = (values[-2], values[-1])
        if command == "L":
            self.builder.line_to(*end)
        elif command == "A":
            arc_to(self.builder, self._here, values)
        elif command in "CS":
            first = (values[0], values[1]) if command == "C" else self._mirrored("CS")
            self._control = (values[-4], values[-3])
            self.builder.curve_to(first, self._control, end)
        else:
            self._control = (values[0], values[1]) if command == "Q" else self._mirrored("QT")
            self.builder.quad_to(self._control, end)

    def _mirrored(self, commands: str) -> tuple[float, float]:
        (x, y), (cx, cy) = self._here, self._control
        return (2 * x - cx, 2 * y - cy) if self._last and self._last in commands else (x, y)


def _style(element: etree._Element, inherited: _Style) -> _Style:
    return _Style(
        _paint(_property(element, "fill"), inherited.fill),
        _paint(_property(element, "stroke"), inherited.stroke),
        _length(_property(element, "stroke-width"), inherited.stroke_width),
        (_property(element, "fill-rule") or ("evenodd" if inherited.even_odd else "")) == "evenodd",
    )


def _property(element: etree._Element, name: str) -> str | None:
    """Give a presentation property, from `style` or its own attribute."""
    for part in element.get("style", "").split(";"):
        key, _, value = part.partition(":")
        if key.strip() == name:
            return value.strip()
    return element.get(name)


def _paint(text: str | None, inherited: Color | None) -> Color | None:
    if text is None or text in {"inherit", "currentColor"}:
        return inherited
    if text == "none":
        return None
    if text.startswith("#"):
        digits = text[1:] if len(text) != 4 else "".join(c * 2 for c in text[1:])  # noqa: PLR2004
        try:
            red, green, blue = bytes.fromhex(digits)[:3]
        except ValueError:
            return inherited
        return (red, green, blue)
    if text.startswith("rgb("):
        levels = numbers(text[4:].rstrip(") ")) or []
        if len(levels) == 3:  # noqa: PLR2004 - red, green, blue
            red, green, blue = (min(255, max(0, round(level))) for level in levels)
            return (red, green, blue)
    return _NAMED.get(text.casefold(), inherited)


def _transform(text: str | None) -> Matrix:
    result = IDENTITY
    for kind, inner in _TRANSFORM.findall(text or ""):
        values = numbers(inner) or []
        result = compose(result, _one_transform(kind, values))
    return result


def _one_transform(kind: str, values: list[float]) -> Matrix:
    match kind, values:
        case "matrix", [a, b, c, d, e, f]:
            return (a, b, c, d, e, f)
        case "translate", [x, *rest]:
            return moved(x, rest[0] if rest else 0)
        case "scale", [x, *rest]:
            return scaled(x, rest[0] if rest else x)
        case "rotate", [angle]:
            return turned(math.fmod(angle, 360))
        case "rotate", [angle, x, y]:
            return compose(moved(x, y), turned(math.fmod(angle, 360)), moved(-x, -y))
        case _:
            return IDENTITY


def _length(text: str | None, default: float = 0.0) -> float:
    """Read a length; its unit does not matter where all is stretched over a box."""
    return number((text or "").strip().rstrip("pxmcintq% "), default)
