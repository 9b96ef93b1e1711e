"""What streams are packed with, as far as verifying needs it: Flate, its predictors, ASCII85.

ISO 32000-1, clause 7.4. Never more is unpacked, nor more work done, than a file is
allowed.
"""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from msb_seal.errors import PdfRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_seal.pdf.syntax import Dictionary, PdfValue, Stream

MAX_DECODED_BYTES = 128_000_000
"""Of all streams together that are read to verify one file."""
MAX_WORK = 16_000_000
"""Of all of them, what is undone byte by byte: some 50 ns each (see _WORK)."""
_FIRST_PNG = 10
_MAX_COLUMNS = 65_536
_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)
_WORK: Final = {_NONE: 0, _SUB: 1, _UP: 1, _AVERAGE: 8, _PAETH: 8}
_WORK_OF_ROW, _WORK_OF_BASE85 = 16, 2
_PIECE, _MOST_INFLATED = 16_000_000, 1_032


class Allowance:
    """What unpacking the streams of one file may still take: bytes, and work on single bytes."""

    def __init__(self, *, size: int = MAX_DECODED_BYTES, work: int = MAX_WORK) -> None:
        """Allow so many bytes, and so much work."""
        self.size, self.work = size, work

    def take(self, *, size: int = 0, work: int = 0) -> None:
        """Take some of it; PdfRefused where that is more than is left."""
        self.size -= size
        self.work -= work
        if self.size < 0 or self.work < 0:
            code = "limit"
            raise PdfRefused(code, "解压后过大", "packed data grows beyond the limit")


def decode(stream: Stream, allowance: Allowance) -> bytes:
    """Undo the filters of a stream; PdfRefused for others than ours, or beyond what is allowed.

    What every single filter gives is counted, so that a chain of them costs no less than its steps.
    """
    filters = _as_list(stream.entries.get("Filter"))
    parameters = _as_list(stream.entries.get("DecodeParms", stream.entries.get("DP")))
    data = stream.raw
    for index, name in enumerate(filters):
        given = parameters[index] if index < len(parameters) else None
        if name in ("FlateDecode", "Fl"):
            data = _inflate(data, allowance)
            if isinstance(given, dict):
                data = _unpredict(data, given, allowance)
        elif name in ("ASCII85Decode", "A85"):
            data = _from_base85(data, allowance)
        else:
            code = "unsupported"
            raise PdfRefused(code, "不支持的过滤器", f"a filter not known here: {name!r}")
    if not filters:
        allowance.take(size=len(data))
    return data


def _from_base85(data: bytes, allowance: Allowance) -> bytes:
    """Undo ASCII85 (7.4.3), in which one z stands for four bytes."""
    allowance.take(size=len(data) + 4 * data.count(b"z"), work=len(data) * _WORK_OF_BASE85)
    try:
        return base64.a85decode(data.strip().removesuffix(b"~>"), ignorechars=b"\0\t\n\x0c\r ")
    except ValueError as error:
        code = "malformed"
        raise PdfRefused(code, "ASCII85 数据损坏", f"ASCII85 data is broken: {error}") from error


def _as_list(value: PdfValue) -> list[PdfValue]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _inflate(data: bytes, allowance: Allowance) -> bytes:
    """Unpack piece by piece, so that what comes before a fault is counted, too."""
    unpacker, pieces = zlib.decompressobj(), []
    try:
        while data and not unpacker.eof:
            pieces.append(unpacker.decompress(data, _PIECE))
            allowance.take(size=len(pieces[-1]))
            data = unpacker.unconsumed_tail
        pieces.append(unpacker.flush())
        allowance.take(size=len(pieces[-1]))
    except zlib.error as error:
        # What the broken piece gave before its fault is not told: no more than deflate can make.
        allowance.take(size=min(_PIECE, len(data) * _MOST_INFLATED))
        code = "malformed"
        raise PdfRefused(code, "压缩数据损坏", f"packed data is broken: {error}") from error
    return b"".join(pieces)


def _unpredict(data: bytes, given: Dictionary, allowance: Allowance) -> bytes:
    """Undo a PNG predictor (7.4.4.4); one byte a colour is enough for cross-references."""
    predictor = given.get("Predictor", 1)
    if predictor == 1:
        return data
    columns, colours = given.get("Columns", 1), given.get("Colors", 1)
    if (
        not isinstance(predictor, int)
        or predictor < _FIRST_PNG
        or not isinstance(columns, int)
        or not 0 < columns <= _MAX_COLUMNS
        or colours != 1
        or given.get("BitsPerComponent", 8) != 8  # noqa: PLR2004 - bits of a byte
    ):
        code = "unsupported"
        raise PdfRefused(code, "不支持的预测器", "a predictor that is not known here")
    starts = range(0, len(data) - columns, columns + 1)
    allowance.take(size=len(data), work=len(starts) * _WORK_OF_ROW)
    kinds = Counter(data[:: columns + 1][: len(starts)])
    allowance.take(work=columns * sum(_WORK.get(kind, 0) * n for kind, n in kinds.items()))
    rows = bytearray()
    above, low_bits = bytes(columns), int.from_bytes(b"\x7f" * columns)
    for start in starts:
        row = data[start + 1 : start + 1 + columns]
        kind = data[start]
        if kind == _UP:
            above = _add(row, above, low_bits)
        elif kind == _SUB:
            above = bytes(one & 0xFF for one in accumulate(row))
        elif kind in (_AVERAGE, _PAETH):
            above = _unpredict_row(row, above, _average if kind == _AVERAGE else _paeth)
        else:
            above = row
        rows += above
    return bytes(rows)


def _add(row: bytes, above: bytes, low_bits: int) -> bytes:
    """Add bytes to bytes, each modulo 256, as one number whose bytes carry nothing over."""
    one, two = int.from_bytes(row), int.from_bytes(above)
    differ = one ^ two
    high_bits = differ ^ (differ & low_bits)
    return (((one & low_bits) + (two & low_bits)) ^ high_bits).to_bytes(len(row))


def _unpredict_row(row: bytes, above: bytes, estimate: Callable[[int, int, int], int]) -> bytes:
    found, left, upper_left = bytearray(), 0, 0
    for value, upper in zip(row, above, strict=True):
        left = (value + estimate(left, upper, upper_left)) & 0xFF
        upper_left = upper
        found.append(left)
    return bytes(found)


def _average(left: int, above: int, _upper_left: int) -> int:
    return (left + above) // 2


def _paeth(left: int, above: int, upper_left: int) -> int:
    estimate = left + above - upper_left
    return min(
        (abs(estimate - left), 0, left),
        (abs(estimate - above), 1, above),
        (abs(estimate - upper_left), 2, upper_left),
    )[2]
