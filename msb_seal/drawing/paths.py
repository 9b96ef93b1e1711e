"""Paths and matrices: what a drawing is made of, in a plane with y pointing down.

A matrix (a, b, c, d, e, f) is PDF's and SVG's: x' = a·x + c·y + e, y' = b·x + d·y + f
(ISO 32000-1 8.3.4). A path is straight lines and cubic curves only; circles are four curves each,
off by less than 0.03 % of the radius.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Matrix = tuple[float, float, float, float, float, float]
Point = tuple[float, float]
Segment = tuple[str, tuple[float, ...]]
"""("M", (x, y)), ("L", (x, y)), ("C", (x1, y1, x2, y2, x, y)) or ("Z", ())."""

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_QUARTER = 4 / 3 * (math.sqrt(2) - 1)  # how far a quarter circle's control points reach


def moved(x: float, y: float) -> Matrix:
    """Move by (x, y)."""
    return (1.0, 0.0, 0.0, 1.0, x, y)


def scaled(x: float, y: float | None = None) -> Matrix:
    """Scale about the origin, by one factor or by one for each direction."""
    return (x, 0.0, 0.0, x if y is None else y, 0.0, 0.0)


def turned(degrees: float) -> Matrix:
    """Turn about the origin, clockwise as seen (y points down)."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (cosine, sine, -sine, cosine, 0.0, 0.0)


def compose(*matrices: Matrix) -> Matrix:
    """Give one matrix that does what these do, the first one last: as in a·(b·(c·point))."""
    result = IDENTITY
    for matrix in matrices:
        a, b, c, d, e, f = result
        p, q, r, s, t, u = matrix
        result = (
            a * p + c * q,
            b * p + d * q,
            a * r + c * s,
            b * r + d * s,
            a * t + c * u + e,
            b * t + d * u + f,
        )
    return result


def apply(matrix: Matrix, point: Point) -> Point:
    """Give the point where the matrix puts it."""
    a, b, c, d, e, f = matrix
    x, y = point
    return (a * x + c * y + e, b * x + d * y + f)


@dataclass(frozen=True, slots=True)
class Path:
    """Lines and curves; what is inside follows the non-zero rule unless `even_odd`."""

    segments: tuple[Segment, ...] = field(repr=False)
    even_odd: bool = False

    def placed(self, matrix: Matrix) -> Path:
        """Give the path where the matrix puts it."""
        a, b, c, d, e, f = matrix
        segments = tuple(
            (
                letter,
                tuple(
                    place
                    for x, y in zip(numbers[::2], numbers[1::2], strict=True)
                    for place in (a * x + c * y + e, b * x + d * y + f)
                ),
            )
            for letter, numbers in self.segments
        )
        return Path(segments, self.even_odd)

    def box(self) -> tuple[float, float, float, float] | None:
        """Give (left, top, right, bottom) around every point of the path, None where it is empty.

        Control points count as well, so a curve's box may be a little large.
        """
        xs = [x for _, numbers in self.segments for x in numbers[::2]]
        ys = [y for _, numbers in self.segments for y in numbers[1::2]]
        return (min(xs), min(ys), max(xs), max(ys)) if xs else None


class PathBuilder:
    """Collects segments one by one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.segments: list[Segment] = []
        self._here: Point = (0.0, 0.0)

    def move_to(self, x: float, y: float) -> None:
        """Begin a new part at (x, y)."""
        self._add("M", (x, y))

    def line_to(self, x: float, y: float) -> None:
        """Go straight to (x, y)."""
        self._add("L", (x, y))

    def curve_to(self, first: Point, second: Point, end: Point) -> None:
        """Go along a cubic curve with two control points."""
        self._add("C", (*first, *second, *end))

    def quad_to(self, control: Point, end: Point) -> None:
        """Go along a quadratic curve, as the same cubic one."""
        (x0, y0), (x1, y1), (x2, y2) = self._here, control, end
        first = (x0 + (x1 - x0) * 2 / 3, y0 + (y1 - y0) * 2 / 3)
        second = (x2 + (x1 - x2) * 2 / 3, y2 + (y1 - y2) * 2 / 3)
        self.curve_to(first, second, end)

    def close(self) -> None:
        """Go straight back to where this part began."""
        self.segments.append(("Z", ()))

    def path(self, *, even_odd: bool = False) -> Path:
        """Give what was collected."""
        return Path(tuple(self.segments), even_odd)

    def _add(self, letter: str, numbers: tuple[float, ...]) -> None:
        self.segments.append((letter, numbers))
        self._here = (numbers[-2], numbers[-1])


def joined(paths: Iterable[Path]) -> Path:
    """Give one path of several (non-zero rule)."""
    return Path(tuple(segment for path in paths for segment in path.segments))


def polygon(points: Sequence[Point], *, closed: bool = True) -> Path:
    """Give straight lines from point to point."""
    segments: list[Segment] = [("L" if n else "M", point) for n, point in enumerate(points)]
    if closed:
        segments.append(("Z", ()))
    return Path(tuple(segments))


def rectangle(x: float, y: float, width: float, height: float, *, radius: float = 0) -> Path:
    """Give a rectangle from its left upper corner, its corners rounded by `radius`."""
    right, bottom = x + width, y + height
    if not radius:
        return polygon([(x, y), (right, y), (right, bottom), (x, bottom)])
    r, k = radius, radius * (1 - _QUARTER)
    builder = PathBuilder()
    builder.move_to(x + r, y)
    builder.line_to(right - r, y)
    builder.curve_to((right - k, y), (right, y + k), (right, y + r))
    builder.line_to(right, bottom - r)
    builder.curve_to((right, bottom - k), (right - k, bottom), (right - r, bottom))
    builder.line_to(x + r, bottom)
    builder.curve_to((x + k, bottom), (x, bottom - k), (x, bottom - r))
    builder.line_to(x, y + r)
    builder.curve_to((x, y + k), (x + k, y), (x + r, y))
    builder.close()
    return builder.path()


def ellipse(center: Point, radius_x: float, radius_y: float | None = None) -> Path:
    """Give an ellipse, or a circle where one radius is given."""
    (x, y), rx = center, radius_x
    ry = rx if radius_y is None else radius_y
    kx, ky = rx * _QUARTER, ry * _QUARTER
    builder = PathBuilder()
    builder.move_to(x + rx, y)
    builder.curve_to((x + rx, y + ky), (x + kx, y + ry), (x, y + ry))
    builder.curve_to((x - kx, y + ry), (x - rx, y + ky), (x - rx, y))
    builder.curve_to((x - rx, y - ky), (x - kx, y - ry), (x, y - ry))
    builder.curve_to((x + kx, y - ry), (x + rx, y - ky), (x + rx, y))
    builder.close()
    return builder.path()
