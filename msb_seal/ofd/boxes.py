"""Boxes on a page (ST_Box, GB/T 33190-2016 7.1.4): four numbers in millimetres, y downwards."""

from __future__ import annotations

import math

from msb_seal.errors import OfdRefused
from msb_seal.placement import MAX_MM, Box

_NUMBERS = 4


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
