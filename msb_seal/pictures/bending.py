"""Bending: an outline set on a straight line, laid around a ring.

Scripts that join, such as Mongolian, are shaped by a text program and given as outlines; on a ring
every curve of them is bent, not each character turned. Long segments are cut into short ones first,
so that straight lines become arcs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msb_seal.drawing import Path
from msb_seal.errors import DrawingRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from msb_seal.drawing.paths import Point, Segment

MAX_OUTLINE_SEGMENTS = 50_000
_STEP = math.radians(2)  # the longest piece of a segment along the ring

Cubic = tuple["Point", "Point", "Point", "Point"]


def bend(
    outline: Path, *, centre: Point, radius: float, height: float, sweep: float
) -> tuple[Path, float]:
    """Lay an outline over the top of a ring, its upper edge outward; give it and its height.

    radius: to the upper edge. height: the height wanted, in mm; what would then take more than
    `sweep` degrees becomes smaller as a whole. DrawingRefused for an outline that is empty or too
    large.
    """
    box = outline.box()
    if box is None or not (box[2] > box[0] and box[3] > box[1]):
        message = "第二圈轮廓为空 / the outline of the second ring is empty"
        raise DrawingRefused(message)
    if len(outline.segments) > MAX_OUTLINE_SEGMENTS:
        message = f"an outline of more than {MAX_OUTLINE_SEGMENTS} segments"
        raise DrawingRefused(message)
    left, top, right, bottom = box
    length = math.radians(sweep) * (radius - height / 2)
    scale = min(height / (bottom - top), length / (right - left))
    size = scale * (bottom - top)
    middle, turn = (left + right) / 2, scale / (radius - size / 2)

    def place(point: Point) -> Point:
        angle, reach = (point[0] - middle) * turn, radius - (point[1] - top) * scale
        return centre[0] + reach * math.sin(angle), centre[1] - reach * math.cos(angle)

    return Path(tuple(_placed(outline, place, _STEP / turn)), outline.even_odd), size


def _placed(outline: Path, place: Callable[[Point], Point], step: float) -> Iterator[Segment]:
    """Put every segment in its place, in pieces of at most `step` from left to right."""
    start = here = (0.0, 0.0)
    for letter, numbers in outline.segments:
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        if letter == "M":
            start = here = points[0]
            yield "M", place(here)
            continue
        if letter == "Z":
            points = [start]
        for cubic in _pieces(_cubic(here, points), step):
            yield "C", tuple(number for point in cubic[1:] for number in place(point))
        if letter == "Z":
            yield "Z", ()
        here = points[-1]


def _cubic(here: Point, points: list[Point]) -> Cubic:
    if len(points) == 3:  # noqa: PLR2004 - two control points and the end
        return (here, points[0], points[1], points[2])
    return (here, _between(here, points[0], 1 / 3), _between(here, points[0], 2 / 3), points[0])


def _pieces(cubic: Cubic, step: float) -> Iterator[Cubic]:
    """Cut a curve into equal pieces (de Casteljau)."""
    xs = [x for x, _ in cubic]
    count = max(1, math.ceil((max(xs) - min(xs)) / step))
    for left in range(count, 0, -1):
        first, cubic = _cut(cubic, 1 / left) if left > 1 else (cubic, cubic)
        yield first


def _cut(cubic: Cubic, share: float) -> tuple[Cubic, Cubic]:
    a, b, c, d = cubic
    ab, bc, cd = _between(a, b, share), _between(b, c, share), _between(c, d, share)
    abc, bcd = _between(ab, bc, share), _between(bc, cd, share)
    middle = _between(abc, bcd, share)
    return (a, ab, abc, middle), (middle, bcd, cd, d)


def _between(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
