"""Object streams: several objects packed into one stream (ISO 32000-1, 7.5.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from msb_seal.errors import PdfRefused
from msb_seal.pdf.syntax import read_value

if TYPE_CHECKING:
    from msb_seal.pdf.syntax import PdfValue

MAX_PACKED = 500_000


def unpack(data: bytes, count: int, first: int) -> list[tuple[int, PdfValue]]:
    """Read all objects of an unpacked stream, by its header; each with its number."""
    heads = data[:first].split()
    if not 0 <= count <= MAX_PACKED or len(heads) < 2 * count:
        _broken("an object stream with fewer objects than it says")
    try:
        numbers = [int(one) for one in heads[: 2 * count]]
    except ValueError:
        _broken("an object stream with odd numbers")
    if len(set(numbers[::2])) != count or len(heads) != 2 * count:
        _broken("an object stream with an object twice, or more than it says: readers take either")
    return [
        (number, read_value(data, first + place)[0])
        for number, place in zip(numbers[::2], numbers[1::2], strict=True)
    ]


def _broken(what: str) -> NoReturn:
    code = "malformed"
    raise PdfRefused(code, "PDF 结构损坏", what)
