"""Scenes as SVG 1.1: self-contained, text as outlines, images inside, the same bytes every time."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from msb_seal.drawing.numbers import shortest
from msb_seal.drawing.paths import IDENTITY
from msb_seal.drawing.scene import Group, Picture, Shape, Text

if TYPE_CHECKING:
    from msb_seal.drawing.images import Image
    from msb_seal.drawing.paths import Matrix, Path
    from msb_seal.drawing.scene import Color, Item, Scene

_KEPT_AS_GIVEN = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif"}


def to_svg(scene: Scene) -> bytes:
    """Render a scene; UTF-8, one unit is one millimetre."""
    width, height = shortest(scene.width_mm), shortest(scene.height_mm)
    body = _Writer()
    body.items(scene.items)
    title = f"<title>{escape(_xml_text(scene.title))}</title>" if scene.title else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">'
        f"{title}{''.join(body.parts)}</svg>\n"
    ).encode()


class _Writer:
    """Collects elements; clip paths are numbered as they come."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._clips = 0

    def items(self, items: tuple[Item, ...]) -> None:
        for item in items:
            match item:
                case Shape():
                    self._shape(item)
                case Text():
                    fill = _color(item.color)
                    self.parts.append(f'<path fill="{fill}" d="{_data(item.outlines())}"/>')
                case Picture():
                    self._picture(item)
                case Group():
                    self._group(item)

    def _shape(self, shape: Shape) -> None:
        fill = "none" if shape.fill is None else _color(shape.fill)
        rule = ' fill-rule="evenodd"' if shape.path.even_odd else ""
        stroke = ""
        if shape.stroke is not None:
            width = shortest(shape.stroke_width_mm)
            stroke = f' stroke="{_color(shape.stroke)}" stroke-width="{width}"'
        self.parts.append(f'<path fill="{fill}"{rule}{stroke} d="{_data(shape.path)}"/>')

    def _picture(self, picture: Picture) -> None:
        x, y = shortest(picture.x_mm), shortest(picture.y_mm)
        width, height = shortest(picture.width_mm), shortest(picture.height_mm)
        self.parts.append(
            f'<image x="{x}" y="{y}" width="{width}" height="{height}"'
            f' preserveAspectRatio="none" xlink:href="{_embedded(picture.image)}"/>'
        )

    def _group(self, group: Group) -> None:
        attributes = ""
        if group.matrix != IDENTITY:
            attributes += f' transform="matrix({_matrix(group.matrix)})"'
        if group.opacity < 1:
            attributes += f' opacity="{shortest(group.opacity)}"'
        if group.clip is not None:
            self._clips += 1
            rule = ' clip-rule="evenodd"' if group.clip.even_odd else ""
            self.parts.append(
                f'<clipPath id="clip{self._clips}"><path{rule} d="{_data(group.clip)}"/></clipPath>'
            )
            attributes += f' clip-path="url(#clip{self._clips})"'
        self.parts.append(f"<g{attributes}>")
        self.items(group.items)
        self.parts.append("</g>")


def _data(path: Path) -> str:
    return "".join(
        letter + " ".join(shortest(number) for number in numbers)
        for letter, numbers in path.segments
    )


def _matrix(matrix: Matrix) -> str:
    return " ".join(shortest(number, 6) for number in matrix)


def _color(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _embedded(image: Image) -> str:
    media_type, data = _KEPT_AS_GIVEN.get(image.format), image.data
    if media_type is None:
        written = io.BytesIO()
        image.pixels.save(written, "PNG")
        media_type, data = "image/png", written.getvalue()
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _xml_text(text: str) -> str:
    """Drop what XML 1.0 cannot hold."""
    return "".join(
        c
        for c in text
        if c in "\t\n"
        or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe")
        or c > "\uffff"
    )
