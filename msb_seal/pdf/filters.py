"""What streams are packed with, as far as verifying needs it: Flate, its predictors, ASCII85.

ISO 32000-1, clause 7.4. Never more is unpacked than a caller has room for.
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

from msb_seal.errors import PdfRefused

if TYPE_CHECKING:
    from msb_seal.pdf.syntax import Dictionary, PdfValue, Stream

MAX_DECODED_BYTES = 128_000_000
"""Of all streams together that are read to verify one file."""
_FIRST_PNG = 10
_MAX_COLUMNS = 65_536
_SUB, _UP, _AVERAGE, _PAETH = 1, 2, 3, 4


def decode(stream: Stream, *, limit: int) -> bytes:
    """Undo the filters of a stream; PdfRefused for others than ours, or beyond the limit."""
    filters = _as_list(stream.entries.get("Filter"))
    parameters = _as_list(stream.entries.get("DecodeParms", stream.entries.get("DP")))
    data = stream.raw
    for index, name in enumerate(filters):
        given = parameters[index] if index < len(parameters) else None
        if name in ("FlateDecode", "Fl"):
            data = _inflate(data, limit)
            if isinstance(given, dict):
                data = _unpredict(data, given)
        elif name in ("ASCII85Decode", "A85"):
            data = _from_base85(data)
        else:
            code = "unsupported"
            raise PdfRefused(code, "不支持的过滤器", f"a filter not known here: {name!r}")
    return data


def _from_base85(data: bytes) -> bytes:
    """Undo ASCII85 (7.4.3)."""
    try:
        return base64.a85decode(data.strip().removesuffix(b"~>"), ignorechars=b"\0\t\n\x0c\r ")
    except ValueError as error:
        code = "malformed"
        raise PdfRefused(code, "ASCII85 数据损坏", f"ASCII85 data is broken: {error}") from error


def _as_list(value: PdfValue) -> list[PdfValue]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _inflate(data: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        result = unpacker.decompress(data, max(1, limit))
    except zlib.error as error:
        code = "malformed"
        raise PdfRefused(code, "压缩数据损坏", f"packed data is broken: {error}") from error
    if unpacker.unconsumed_tail:
        code = "limit"
        raise PdfRefused(code, "解压后过大", "packed data grows beyond the limit")
    return result


def _unpredict(data: bytes, given: Dictionary) -> bytes:
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
    rows = bytearray()
    above = bytes(columns)
    for start in range(0, len(data) - columns, columns + 1):
        row = bytearray(data[start + 1 : start + 1 + columns])
        _unpredict_row(row, above, data[start])
        rows += row
        above = bytes(row)
    return bytes(rows)


def _unpredict_row(row: bytearray, above: bytes, kind: int) -> None:
    for i in range(len(row)):
        left, upper_left = (row[i - 1], above[i - 1]) if i else (0, 0)
        if kind == _SUB:
            added = left
        elif kind == _UP:
            added = above[i]
        elif kind == _AVERAGE:
            added = (left + above[i]) // 2
        elif kind == _PAETH:
            added = _paeth(left, above[i], upper_left)
        else:
            return
        row[i] = (row[i] + added) & 0xFF


def _paeth(left: int, above: int, upper_left: int) -> int:
    estimate = left + above - upper_left
    return min(
        (abs(estimate - left), 0, left),
        (abs(estimate - above), 1, above),
        (abs(estimate - upper_left), 2, upper_left),
    )[2]
