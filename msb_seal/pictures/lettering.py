"""Lettering: characters set along an ellipse, along its lower edge, on a line, or in a cell.

Characters stand upright on their ring, tall and narrow as on real seals; the more there are, the
narrower, then the smaller they become. A character's height is that of its ink: of 国 in its font.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from msb_seal.drawing import Path, compose, joined, moved, scaled, turned
from msb_seal.errors import DrawingRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msb_seal.drawing import Font

_MODELS = ("国", "H", "8")
_SAMPLES = 1_440  # of an ellipse's circumference, when lengths along it are measured
_SIZES = 9  # tried, from the greatest to the least
_WIDEST, _NARROWEST = 0.82, 0.42
"""Width of a ring's character as part of its height."""
_NARROWEST_LINE = 0.3  # of its natural width: what is narrower cannot be read
_FILLED = 0.88  # of the room that a character has at its inner end
_FLATTEST = 0.8  # of the usual height or width: what is less is not stretched to fill its cell

Cell = tuple[float, float, float, float]
"""x, y, width and height of a place for one character."""


@dataclass(frozen=True, slots=True)
class Ink:
    """How far a font's usual character reaches above and below the base line, in em."""

    above: float
    below: float

    @classmethod
    def of(cls, font: Font, text: str) -> Ink:
        """Measure a model character: Han where the text has any, else a capital or a digit."""
        models = _MODELS if any(ord(c) > 0x2E7F for c in text) else _MODELS[1:]  # noqa: PLR2004 - CJK
        for model in (*models, text[0]):
            box = font.outline(model).box() if font.has(model) else None
            if box is not None and box[3] > box[1]:
                return cls(-box[1], box[3])
        return cls(font.ascent, font.descent)

    @property
    def height(self) -> float:
        """Its height in em."""
        return self.above + self.below


@dataclass(frozen=True, slots=True)
class Ring:
    """An ellipse that text stands on: centre, and half axes to the characters' outer ends."""

    centre: tuple[float, float]
    radius_x: float
    radius_y: float

    def around(
        self, text: str, font: Font, *, height: tuple[float, float], sweep: float
    ) -> tuple[Path, float]:
        """Set text over the top, left to right, tops outward; give it and its height in mm.

        height: the most and the least that characters may have, in mm. sweep: the most of the
        circle that the text may take, in degrees.
        """
        size, pitch, width = self._fit(len(text), height, sweep)
        ink, em = Ink.of(font, text), size / Ink.of(font, text).height
        stretch = min(width, size * _WIDEST) / ink.height / em
        # An em is as wide as it is high; the ink of a Han character fills some 92 % of it.
        letters = scaled(em * stretch, em)
        places = self._places(
            len(text), pitch, (self.radius_x - size / 2, self.radius_y - size / 2)
        )
        path = joined(
            font.outline(character).placed(
                compose(
                    moved(*point), turned(angle), moved(0, size / 2 - ink.below * em), letters,
                    moved(-font.advance(character) / 2, 0),
                )
            )
            for character, (point, angle) in zip(text, places, strict=True)
        )  # fmt: skip
        return path, size

    def below(self, text: str, font: Font, *, height: float, sweep: float) -> Path:
        """Set text along the lower edge, left to right, bottoms outward."""
        ink = Ink.of(font, text)
        em = height / ink.height
        widths = [font.advance(character) * em for character in text]
        radius = self.radius_y - height / 2
        natural = 1.35 * sum(widths)
        room = math.radians(sweep) * radius
        stretch = min(1.0, room / natural)
        letters = scaled(em * stretch, em)
        gap = sum(widths) / len(widths) * 0.35 * stretch
        total = sum(widths) * stretch + gap * (len(text) - 1)
        at, parts = -total / 2, []
        for character, width in zip(text, widths, strict=True):
            angle = (at + width * stretch / 2) / radius
            x, y = self.centre
            point = x + radius * math.sin(angle), y + radius * math.cos(angle)
            place = compose(
                moved(*point), turned(-math.degrees(angle)), moved(0, height / 2 - ink.below * em),
                letters, moved(-font.advance(character) / 2, 0),
            )  # fmt: skip
            parts.append(font.outline(character).placed(place))
            at += width * stretch + gap
        return joined(parts)

    def _fit(
        self, count: int, height: tuple[float, float], sweep: float
    ) -> tuple[float, float, float]:
        """Give the greatest size at which the characters are not too narrow, pitch and width."""
        most, least = height
        size, pitch, width = most, 0.0, 0.0
        for step in range(_SIZES):
            size = most - (most - least) * step / (_SIZES - 1)
            pitch = self._pitch(count, size, sweep)
            width = _FILLED * pitch * self._inner_share(size)
            if width >= size * _NARROWEST:
                break
        return size, pitch, width

    def _pitch(self, count: int, size: float, sweep: float) -> float:
        """Give the length from one character to the next, along the middle of the text."""
        middle = (self.radius_x + self.radius_y - size) / 2
        return min(math.radians(sweep) * middle / count, 1.95 * size)

    def _inner_share(self, size: float) -> float:
        """Give how much narrower the inner ends of the characters have it than their middles."""
        narrow = min(self.radius_x, self.radius_y)
        return (narrow - size * 0.85) / (narrow - size / 2)

    def _places(
        self, count: int, pitch: float, axes: tuple[float, float]
    ) -> Iterator[tuple[tuple[float, float], float]]:
        """Give middle points spaced evenly along an ellipse, and the turn of its normal there."""
        rx, ry = axes
        x0, y0 = self.centre
        angles = [2 * math.pi * n / _SAMPLES - math.pi for n in range(_SAMPLES + 1)]
        points = [(rx * math.sin(angle), -ry * math.cos(angle)) for angle in angles]
        lengths = [0.0]
        for (x1, y1), (x2, y2) in pairwise(points):
            lengths.append(lengths[-1] + math.hypot(x2 - x1, y2 - y1))
        top = lengths[-1] / 2
        for n in range(count):
            wanted = top + (n - (count - 1) / 2) * pitch
            index = next(i for i, length in enumerate(lengths) if length >= wanted)
            x, y = points[index]
            normal = math.degrees(math.atan2(x / rx**2, -y / ry**2))
            yield (x0 + x, y0 + y), normal


def on_line(
    text: str, font: Font, *, middle: tuple[float, float], height: float, width: float
) -> Path:
    """Set text on a line around a middle point; narrowed where it would be wider than `width`.

    DrawingRefused where it would be too narrow to be read.
    """
    ink = Ink.of(font, text)
    em = height / ink.height
    gap = 0.12 * em
    natural = font.advance(text) * em + gap * (len(text) - 1)
    stretch = min(1.0, width / natural)
    if stretch < _NARROWEST_LINE:
        message = f"一行放不下 {len(text)} 个字 / no room for {len(text)} characters on a line"
        raise DrawingRefused(message)
    x, y = middle[0] - natural * stretch / 2, middle[1] + height / 2 - ink.below * em
    parts = []
    for character in text:
        parts.append(font.outline(character).placed(compose(moved(x, y), scaled(em * stretch, em))))
        x += (font.advance(character) * em + gap) * stretch
    return joined(parts)


def in_cell(character: str, font: Font, cell: Cell) -> Path:
    """Fill a cell with one character, stretched as carvers do; a flat 一 stays flat."""
    x, y, width, height = cell
    outline = font.outline(character)
    left, top, right, bottom = outline.box() or (0, 0, 1, 1)
    usual = Ink.of(font, character).height
    em_x = width / max(right - left, usual * _FLATTEST)
    em_y = height / max(bottom - top, usual * _FLATTEST)
    return outline.placed(
        compose(
            moved(x + width / 2, y + height / 2),
            scaled(em_x, em_y),
            moved(-(left + right) / 2, -(top + bottom) / 2),
        )
    )
