"""Boxes on a page (ST_Box, GB/T 33190-2016 7.1.4): four numbers in millimetres, y downwards."""

from __future__ import annotations

import math
from dataclasses import dataclass

from msb_seal.errors import OfdRefused

_NUMBERS = 4
MAX_MM = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its upper left corner, its width and its height, in mm."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float

    def __str__(self) -> str:
        """Write it as OFD does: four numbers without needless zeros."""
        return " ".join(
            _number(value) for value in (self.x_mm, self.y_mm, self.width_mm, self.height_mm)
        )


def read_box(text: str) -> Box:
    """Read "x y width height"; OfdRefused ("box") for anything else."""
    try:
        numbers = [float(part) for part in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != _NUMBERS or not all(math.isfinite(n) and abs(n) <= MAX_MM for n in numbers):
        code = "box"
        raise OfdRefused(code, "矩形不是四个数", "a box is not four numbers")
    return Box(*numbers)


def _number(value: float) -> str:
    written = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written
