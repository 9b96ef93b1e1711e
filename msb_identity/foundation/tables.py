"""Rows of a CSV as office programs write it, read as a stream within caps.

UTF-8 (with or without a mark) or GB18030; comma, tab or semicolon. What the columns mean is left to
the caller. Source: RFC 4180, and what spreadsheets make of it.
"""

from __future__ import annotations

import csv
from codecs import getincrementaldecoder
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Self

from msb_identity.errors import MsbError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE_CHARS = 65_536
MAX_ROW_CHARS = 2 * MAX_LINE_CHARS  # quoted cells run over several lines
_SNIFF_BYTES = 65_536


class TableRefused(MsbError):
    """A file that cannot be read as rows; `line` is where, 0 for the whole file."""

    def __init__(self, code: str, zh: str, en: str, *, line: int = 0) -> None:
        """Keep the stable code and both sentences."""
        super().__init__(en)
        self.code, self.zh, self.en, self.line = code, zh, en, line


def read_table(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a CSV, the heading first, each with the line on which it ends.

    Empty rows are passed over; a heading is given even where it is empty. What does not decode
    holds U+FFFD. Raises TableRefused where the file is no CSV, or a line or row is too long.
    """
    head = file.read(_SNIFF_BYTES)
    if b"\0" in head:  # a spreadsheet, UTF-16, anything but text
        code = "not-text"
        zh, en = "不是CSV文本，电子表格请另存为CSV", "not CSV text: save a spreadsheet as CSV"
        raise TableRefused(code, zh, en)
    encoding = _encoding(head)
    lines = _lines(file, head, encoding)
    first = next(lines, "")
    delimiter = max("\t;,", key=lambda mark: (first.count(mark), mark == ","))
    gathered = _Lines(first, lines)
    reader = csv.reader(gathered, delimiter=delimiter, strict=True)
    try:
        yield 1, next(reader, [])
        for cells in reader:
            gathered.begin_row()
            if any(cell.strip() for cell in cells):
                yield gathered.number, cells
    except csv.Error as error:
        line, code = gathered.number, "csv"
        zh, en = f"第{line}行不是合法的CSV", f"not CSV: {error}"
        raise TableRefused(code, zh, en, line=line) from error


def _encoding(head: bytes) -> str:
    """Tell UTF-8 from GB18030 by the heading, or by most of the rows where that is plain ASCII.

    So a damaged row of a UTF-8 file stays a fault of that row, and the others are not read as
    GB18030, which gives some characters for nearly any bytes. No two Chinese headings in GB18030
    can be read as UTF-8.
    """
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    heading, *others = head.split(b"\n")
    sample = [line for line in others if not line.isascii()] if heading.isascii() else [heading]
    return "utf-8" if 2 * sum(map(_is_utf_8, sample)) >= len(sample) else "gb18030"


def _is_utf_8(line: bytes) -> bool:
    try:
        # A character may be cut at the end of what was read.
        getincrementaldecoder("utf-8")().decode(line)
    except UnicodeDecodeError:
        return False
    return True


def _lines(file: BinaryIO, head: bytes, encoding: str) -> Iterator[str]:
    """Decode line by line; a line without end is cut into refused pieces, never gathered whole."""
    rest = head
    while True:
        *whole, rest = rest.split(b"\n")
        for line in whole:
            yield _text(line + b"\n", encoding)
        if len(rest) > MAX_LINE_CHARS:
            code = "line-too-long"
            raise TableRefused(code, "单行过长", "a line is too long")
        more = file.read(_SNIFF_BYTES)
        if not more:
            if rest:
                yield _text(rest, encoding)
            return
        rest += more


def _text(line: bytes, encoding: str) -> str:
    return line.decode(encoding.removesuffix("-sig"), errors="replace").removeprefix("\ufeff")


class _Lines:
    """Lines for one CSV reader, who must not gather more than a row's worth of them."""

    def __init__(self, first: str, rest: Iterator[str]) -> None:
        self._lines = chain((first,), rest)
        self._gathered = 0
        self.number = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        self._gathered += len(line)
        if self._gathered > MAX_ROW_CHARS:
            code = "row-too-long"
            raise TableRefused(code, "单行过长", "a row is too long")
        return line

    def begin_row(self) -> None:
        """Count anew."""
        self._gathered = 0
