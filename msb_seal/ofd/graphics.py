"""The small languages inside OFD's attributes: matrices, colours, paths, distances (GB/T 33190).

Read with leniency: what cannot be read gives None or ends there. Nothing grows beyond its text: a
run "g 1000000000 1" is cut where the characters end.
"""

from __future__ import annotations

import math
import re
from itertools import islice, repeat
from typing import TYPE_CHECKING

from msb_seal.drawing.paths import IDENTITY, Path, PathBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msb_seal.drawing.paths import Matrix
    from msb_seal.drawing.scene import Color

MAX_NUMBER = 1e7
_MATRIX, _RGB, _CMYK = 6, 3, 4
_TOKEN = re.compile(r"[A-Za-z]|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_ARITY = {"S": 2, "M": 2, "L": 2, "Q": 4, "B": 6, "A": 7, "C": 0}


def numbers(text: str | None) -> list[float] | None:
    """Read numbers with spaces (or commas) between; None where one is no plain number."""
    if text is None:
        return None
    try:
        found = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        return None
    return found if all(abs(n) <= MAX_NUMBER for n in found) else None  # NaN is not


def number(text: str | None, default: float) -> float:
    """Read one number, or give the default."""
    found = numbers(text)
    return found[0] if found and len(found) == 1 else default


def matrix(text: str | None) -> Matrix:
    """Read a CTM (a b c d e f); the identity where it is none."""
    found = numbers(text)
    if found is None or len(found) != _MATRIX:
        return IDENTITY
    a, b, c, d, e, f = found
    return (a, b, c, d, e, f)


def color(value: str | None) -> Color | None:
    """Read a colour of 1 (grey), 3 (RGB) or 4 (CMYK) channels, 0 to 255 each (8.3.2)."""
    found = numbers(value)
    if found is None:
        return None
    levels = [min(255, max(0, round(n))) for n in found]
    if len(levels) == 1:
        return (levels[0],) * 3
    if len(levels) == _RGB:
        return (levels[0], levels[1], levels[2])
    if len(levels) == _CMYK:
        c, m, y, k = levels
        red, green, blue = ((255 - ink) * (255 - k) // 255 for ink in (c, m, y))
        return (red, green, blue)
    return None


def distances(text: str | None, wanted: int) -> list[float]:
    """Read DeltaX or DeltaY, "g count value" for runs; at most `wanted` of them (8.3.3).

    Where they are too few the last one goes on, as real files mean it.
    """
    found = list(islice(_distances((text or "").split()), wanted))
    if found and len(found) < wanted:
        found += [found[-1]] * (wanted - len(found))
    return found


def _distances(tokens: Sequence[str]) -> Iterator[float]:
    at = 0
    try:
        while at < len(tokens):
            if tokens[at].lower() == "g":
                times, value = int(tokens[at + 1]), _finite(tokens[at + 2])
                yield from repeat(value, max(0, times))
                at += 3
            else:
                yield _finite(tokens[at])
                at += 1
    except (ValueError, IndexError, OverflowError):
        return


def _finite(token: str) -> float:
    value = float(token)
    if not abs(value) <= MAX_NUMBER:
        raise ValueError(token)
    return value


def path(text: str, *, even_odd: bool = False) -> Path:
    """Read AbbreviatedData (9.1): S and M begin, L, Q, B curves, A arcs, C closes.

    What follows something unreadable is left out.
    """
    builder, here = PathBuilder(), (0.0, 0.0)
    tokens = _TOKEN.findall(text)
    at = 0
    while at < len(tokens):
        letter = tokens[at]
        arity = _ARITY.get(letter)
        if arity is None:
            break
        try:
            values = [_finite(token) for token in tokens[at + 1 : at + 1 + arity]]
        except ValueError:
            break
        if len(values) < arity:
            break
        at += 1 + arity
        if letter == "C":
            builder.close()
            continue
        # A line without a beginning starts at the origin.
        if not builder.segments and letter not in "SM":
            builder.move_to(*here)
        _draw(builder, letter, here, values)
        here = (values[-2], values[-1])
    return builder.path(even_odd=even_odd)


def _draw(
    builder: PathBuilder, letter: str, here: tuple[float, float], values: list[float]
) -> None:
    points = list(zip(values[::2], values[1::2], strict=False))
    if letter in "SM":
        builder.move_to(*points[0])
    elif letter == "L":
        builder.line_to(*points[0])
    elif letter == "Q":
        builder.quad_to(points[0], points[1])
    elif letter == "B":
        builder.curve_to(points[0], points[1], points[2])
    else:
        arc_to(builder, here, values)


def arc_to(builder: PathBuilder, start: tuple[float, float], values: Sequence[float]) -> None:
    """Draw an arc as SVG does (rx, ry, turn in degrees, large, clockwise, x, y), as cubic curves.

    Source: SVG 1.1, implementation notes F.6.5; OFD's A takes the same seven numbers.
    """
    rx, ry, turn, large, sweep, x, y = values
    rx, ry = abs(rx), abs(ry)
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    half_x, half_y = (start[0] - x) / 2, (start[1] - y) / 2
    px, py = cos * half_x + sin * half_y, cos * half_y - sin * half_x
    # Without a radius, or to where it stands, or so short that its square is nothing: a line.
    grow = (px / rx) ** 2 + (py / ry) ** 2 if rx and ry else 0.0
    if not grow:
        builder.line_to(x, y)
        return
    if grow > 1:
        rx, ry, grow = rx * math.sqrt(grow), ry * math.sqrt(grow), 1.0
    reach = math.sqrt(max(0.0, 1 / grow - 1)) * (-1 if bool(large) == bool(sweep) else 1)
    qx, qy = reach * rx * py / ry, -reach * ry * px / rx
    middle = (cos * qx - sin * qy + (start[0] + x) / 2, sin * qx + cos * qy + (start[1] + y) / 2)
    first = math.atan2((py - qy) / ry, (px - qx) / rx)
    swept = math.atan2((-py - qy) / ry, (-px - qx) / rx) - first
    if sweep and swept < 0:
        swept += math.tau
    elif not sweep and swept > 0:
        swept -= math.tau
    ellipse = (cos * rx, -sin * ry, sin * rx, cos * ry, *middle)
    _arc_pieces(builder, ellipse, first, swept, (x, y))


def _arc_pieces(
    builder: PathBuilder,
    ellipse: tuple[float, ...],
    first: float,
    swept: float,
    end: tuple[float, float],
) -> None:
    """Draw a part of an ellipse: curves of a quarter at most, from the angle `first` on."""
    a, c, b, d, e, f = ellipse
    pieces = max(1, math.ceil(abs(swept) / (math.pi / 2) - 1e-9))
    step = swept / pieces
    handle = 4 / 3 * math.tan(step / 4)

    def place(u: float, v: float) -> tuple[float, float]:
        return (a * u + c * v + e, b * u + d * v + f)

    for n in range(pieces):
        one, other = first + n * step, first + (n + 1) * step
        builder.curve_to(
            place(math.cos(one) - handle * math.sin(one), math.sin(one) + handle * math.cos(one)),
            place(
                math.cos(other) + handle * math.sin(other),
                math.sin(other) - handle * math.cos(other),
            ),
            end if n == pieces - 1 else place(math.cos(other), math.sin(other)),
        )
