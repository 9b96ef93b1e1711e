"""Designs: what a seal shows, in millimetres. Nothing is drawn here: see drawn.py."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from msb_seal.errors import DrawingRefused

if TYPE_CHECKING:
    from msb_seal.drawing import Color, Font, Image, Path

SEAL_RED: Color = (230, 0, 18)
MAX_RING_CHARACTERS = 48
MAX_LINE_CHARACTERS = 12
MAX_SERIAL_CHARACTERS = 24
MAX_NAME_CHARACTERS = 9
_SIDES_MM = (8, 120)
_WIDEST_OVAL = 1.6  # beyond it the ring's characters cross the border at its narrow ends


@dataclass(frozen=True, slots=True)
class Star:
    """A five-pointed star (五角星); `diameter_mm` from tip to tip of its circle, None for usual."""

    diameter_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Emblem:
    """A given picture in the centre, such as the national emblem, with a transparent ground."""

    image: Image = field(repr=False)
    diameter_mm: float | None = None

    def __post_init__(self) -> None:
        """Refuse a picture that is broken, as one cut off, or that shows nothing."""
        pixels = self.image.pixels
        if pixels.mode == "RGBA" and pixels.getchannel("A").getbbox() is None:
            message = "中央图片全透明 / the emblem is transparent all over"
            raise DrawingRefused(message)


Centre = Star | Emblem | None


@dataclass(frozen=True, slots=True)
class RoundSeal:
    """A round seal (圆形公章): a ring of text around a centre.

    text: the unit's name, left to right over the top. line: the horizontal text below the centre,
    as 合同专用章. serial: digits along the lower edge. second: a further text on a ring of its own
    inside the first, as the script of a minority, each character by itself, in `second_font`.
    second_outline: the same where characters join, as in Mongolian: outlines of the text on a
    straight line, as a text program gives them, in units of any size; they are bent onto the ring.
    inner_border_mm: a second, thin circle inside the border, 0 for none.
    """

    text: str
    diameter_mm: float = 42
    border_mm: float = 1.2
    centre: Centre = Star()
    line: str = ""
    serial: str = ""
    second: str = ""
    second_font: Font | None = None
    second_outline: Path | None = field(default=None, repr=False)
    inner_border_mm: float = 0
    font: Font | None = None
    color: Color = SEAL_RED

    def __post_init__(self) -> None:
        """Refuse what has no room."""
        _check_text(self.text, "text", 1, MAX_RING_CHARACTERS)
        _check_text(self.line, "line", 0, MAX_LINE_CHARACTERS)
        _check_text(self.serial, "serial", 0, MAX_SERIAL_CHARACTERS)
        _check_text(self.second, "second", 0, MAX_RING_CHARACTERS)
        if self.second and self.second_outline is not None:
            message = "第二圈只能有一种 / a second ring of text or of an outline, not both"
            raise DrawingRefused(message)
        _check_side(self.diameter_mm)
        _check_border(self.border_mm + self.inner_border_mm, self.diameter_mm)


@dataclass(frozen=True, slots=True)
class OvalSeal:
    """An oval seal (椭圆形印章), as the invoice seal: name above, number across, purpose below."""

    text: str
    number: str = ""
    line: str = "发票专用章"
    serial: str = ""
    width_mm: float = 40
    height_mm: float = 30
    border_mm: float = 1
    font: Font | None = None
    number_font: Font | None = None
    color: Color = SEAL_RED

    def __post_init__(self) -> None:
        """Refuse what has no room."""
        _check_text(self.text, "text", 1, MAX_RING_CHARACTERS)
        _check_text(self.number, "number", 0, MAX_SERIAL_CHARACTERS)
        _check_text(self.line, "line", 0, MAX_LINE_CHARACTERS)
        _check_text(self.serial, "serial", 0, MAX_SERIAL_CHARACTERS)
        _check_side(self.width_mm)
        _check_side(self.height_mm)
        if not 1 <= self.width_mm / self.height_mm <= _WIDEST_OVAL:
            message = (
                f"椭圆宽应为高的 1 至 {_WIDEST_OVAL} 倍"
                f" / an oval is 1 to {_WIDEST_OVAL} times as wide as high"
            )
            raise DrawingRefused(message)
        _check_border(self.border_mm, min(self.width_mm, self.height_mm))


class Script(StrEnum):
    """How a name seal is carved."""

    RED = "red"  # 朱文: red characters in a frame
    WHITE = "white"  # 白文: white characters in a red ground


@dataclass(frozen=True, slots=True)
class NameSeal:
    """A square or rectangular name seal (名章).

    Taller than wide or square: columns from right to left, as seals are read; wider than tall: one
    line from left to right.
    """

    text: str
    width_mm: float = 18
    height_mm: float = 18
    border_mm: float = 0.8
    script: Script = Script.RED
    font: Font | None = None
    color: Color = SEAL_RED

    def __post_init__(self) -> None:
        """Refuse what has no room."""
        _check_text(self.text, "text", 1, MAX_NAME_CHARACTERS)
        _check_side(self.width_mm)
        _check_side(self.height_mm)
        _check_border(self.border_mm, min(self.width_mm, self.height_mm))


def _check_text(text: str, what: str, least: int, most: int) -> None:
    if not least <= len(text) <= most:
        message = (
            f"{what}：{least} 至 {most} 个字 / has {len(text)} characters, not {least} to {most}"
        )
        raise DrawingRefused(message)
    if any(unicodedata.category(character)[0] in "CZM" for character in text):
        message = f"{what}：含有空白或控制字符 / holds a space, a control or a combining character"
        raise DrawingRefused(message)


def _check_side(side: float) -> None:
    least, most = _SIDES_MM
    if not least <= side <= most:
        message = f"边长应为 {least} 至 {most} 毫米 / a side of {side} mm, not {least} to {most}"
        raise DrawingRefused(message)


def _check_border(border: float, side: float) -> None:
    if not 0 < border <= side / 10:
        message = f"边框过宽或缺失 / a border of {border} mm for a seal of {side} mm"
        raise DrawingRefused(message)
