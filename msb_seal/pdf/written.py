"""The text of an appearance: lines of black text and nothing else, in the order they are read.

A small grammar (ISO 32000-1, 9.4): what form-filling programs write, one run of text after another,
each line below the last. Whatever could cover, move or distort letters is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from msb_seal.pdf.syntax import Name, read_value, skip_blank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from msb_seal.pdf.syntax import PdfValue

MAX_OPERATIONS = 2_000
SIZES: Final = (4, 24)
"""In points: smaller text may not be seen, larger may be cut off."""
MAX_KERNING = 100
"""Thousandths of an em by which a letter is moved in all, from where the one before it ends.

So they follow each other as they are written, none over the other: the narrowest is 190 wide.
"""
_ENDS_WORD = b"\x00\t\n\x0c\r ()<>[]{}/%"
_CORNERS, _MATRIX = 4, 6
_UPRIGHT: Final = [1, 0, 0, 1]
_BLACK: Final[dict[str, list[float]]] = {"g": [0], "rg": [0, 0, 0], "k": [0, 0, 0, 1]}
_NEUTRAL: Final[dict[str, float]] = {"Tc": 0, "Tw": 0, "Tz": 100, "Tr": 0, "Ts": 0}
"""Of the text's state: what may be said as it is anyway."""


@dataclass(frozen=True, slots=True)
class Run:
    """Codes shown in one font."""

    font: str
    size: float
    codes: bytes


@dataclass(slots=True)
class Line:
    """Runs that follow each other from a place on, in points.

    moved: how far kerning moves the last letter to the right, at most.
    """

    x: float
    y: float
    runs: list[Run] = field(default_factory=list)
    moved: float = 0.0


@dataclass(slots=True)
class Written:
    """An appearance's lines, and the rectangle outside of which nothing of them shows, if any."""

    lines: list[Line] = field(default_factory=list)
    clip: list[float] | None = None


class _Odd(Exception):
    """Something that is not in the grammar."""


def read_written(content: bytes) -> Written | None:
    """Read an appearance's content; None where it is anything but lines of black text, or nothing.

    PdfRefused where it cannot be read.
    """
    reader = _Reader()
    steps = operations_of(content, most=MAX_OPERATIONS)
    if steps is None:
        return None
    try:
        for operator, operands in steps:
            reader.take(operator, operands)
    except _Odd:
        return None
    return None if reader.stage == "text" else reader.written


def operations_of(content: bytes, *, most: int) -> list[tuple[str, list[PdfValue]]] | None:
    """Give a content's operators, each with its operands; None if there are more than so many.

    PdfRefused where it cannot be read.
    """
    found = list(islice(operations(content), most + 1))
    return None if len(found) > most else found


class _Reader:
    """Takes one operator after the other."""

    def __init__(self) -> None:
        self.written = Written()
        self.stage = "before"
        self._font, self._size, self._leading = "", 0.0, 0.0
        self._box: list[float] | None = None
        self._start = [0.0, 0.0]
        self._fresh = True
        self._kerned = 0.0
        self._stages: dict[str, dict[str, Callable[[list[PdfValue]], None]]] = {
            "before": {
                "BMC": self._nothing,
                "q": self._nothing,
                "re": self._rectangle,
                "W": self._nothing,
                "W*": self._nothing,
                "n": self._clip,
                "BT": self._begin,
                "Q": self._end,
                "EMC": self._end,
            },
            "text": {
                "Td": self._move,
                "TD": self._move_with_leading,
                "Tm": self._place,
                "TL": self._set_leading,
                "T*": self._next_line,
                "Tj": self._show,
                "TJ": self._show_kerned,
                "'": self._next_and_show,
                "ET": self._end,
            },
            "after": {"Q": self._nothing, "EMC": self._nothing},
        }

    def take(self, operator: str, operands: list[PdfValue]) -> None:
        """Take an operator; _Odd for what is not in the grammar."""
        if operator in _BLACK and self.stage != "after":
            if operands != _BLACK[operator]:
                raise _Odd
        elif operator in _NEUTRAL and self.stage != "after":
            if operands != [_NEUTRAL[operator]]:
                raise _Odd
        elif operator == "Tf" and self.stage != "after":
            self._set_font(operands)
        elif operator in self._stages[self.stage]:
            self._stages[self.stage][operator](operands)
        else:
            raise _Odd

    def _nothing(self, operands: list[PdfValue]) -> None:
        if any(not isinstance(one, Name) for one in operands):
            raise _Odd

    def _rectangle(self, operands: list[PdfValue]) -> None:
        if self._box is not None:
            raise _Odd
        self._box = _numbers(operands, _CORNERS)

    def _clip(self, _: list[PdfValue]) -> None:
        if self._box is None or self.written.clip is not None:
            raise _Odd
        x, y, width, height = self._box
        self.written.clip = [x, y, x + width, y + height]

    def _begin(self, _: list[PdfValue]) -> None:
        # A path that is left open would be painted by what follows.
        if self._box is not None and self.written.clip is None:
            raise _Odd
        self.stage = "text"

    def _end(self, _: list[PdfValue]) -> None:
        self.stage = "after"

    def _set_font(self, operands: list[PdfValue]) -> None:
        match operands:
            case [Name() as font, int() | float() as size] if SIZES[0] <= size <= SIZES[1]:
                self._font, self._size = str(font), float(size)
            case _:
                raise _Odd

    def _move(self, operands: list[PdfValue]) -> None:
        x, y = _numbers(operands, 2)
        self._start = [self._start[0] + x, self._start[1] + y]
        self._fresh = True

    def _move_with_leading(self, operands: list[PdfValue]) -> None:
        self._leading = -_numbers(operands, 2)[1]
        self._move(operands)

    def _place(self, operands: list[PdfValue]) -> None:
        numbers = _numbers(operands, _MATRIX)
        if numbers[:4] != _UPRIGHT:
            raise _Odd
        self._start = numbers[4:]
        self._fresh = True

    def _set_leading(self, operands: list[PdfValue]) -> None:
        (self._leading,) = _numbers(operands, 1)

    def _next_line(self, _: list[PdfValue]) -> None:
        self._move([0, -self._leading])

    def _next_and_show(self, operands: list[PdfValue]) -> None:
        self._next_line([])
        self._show(operands)

    def _show(self, operands: list[PdfValue]) -> None:
        match operands:
            case [bytes() as codes] if self._font:
                self._add(codes)
            case _:
                raise _Odd

    def _show_kerned(self, operands: list[PdfValue]) -> None:
        match operands:
            case [list() as parts]:
                for part in parts:
                    if isinstance(part, bytes):
                        self._show([part])
                    else:
                        self._kerned += _numbers([part], 1)[0]
            case _:
                raise _Odd

    def _add(self, codes: bytes) -> None:
        if not codes:
            return
        if abs(self._kerned) > MAX_KERNING:
            raise _Odd
        lines = self.written.lines
        if self._fresh:
            x, y = self._start
            # Each line stands clear below the last, so that none covers another.
            if lines and lines[-1].y - y < 0.8 * self._size:
                raise _Odd
            lines.append(Line(x, y))
            self._fresh = False
        # A positive number moves to the left (9.4.3).
        lines[-1].moved += max(0.0, -self._kerned) * self._size / 1000
        self._kerned = 0.0
        lines[-1].runs.append(Run(self._font, self._size, codes))


def _numbers(operands: list[PdfValue], count: int) -> list[float]:
    found = [one for one in operands if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(found) != count or len(operands) != count:
        raise _Odd
    return [float(one) for one in found]


def operations(content: bytes) -> Iterator[tuple[str, list[PdfValue]]]:
    """Give the operators of a content stream, each with what stands before it (7.8.2)."""
    operands: list[PdfValue] = []
    position = skip_blank(content, 0)
    while position < len(content):
        first = content[position : position + 1]
        if first.isalpha() or first in (b"'", b'"'):
            end = position
            while end < len(content) and content[end] not in _ENDS_WORD:
                end += 1
            yield content[position:end].decode("latin-1"), operands
            position, operands = end, []
        else:
            value, position = read_value(content, position)
            operands.append(value)
        position = skip_blank(content, position)
