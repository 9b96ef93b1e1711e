"""Rows from a CSV file, as departments' office programs write it.

UTF-8 (with or without a mark) or GB18030; comma, tab or semicolon; headings in Chinese names or
pinyin codes, in any order. The file is read as a stream. A fault of the file's own (no heading, an
unknown heading, one twice) refuses it whole; a fault of a row stays with its row.
"""

from __future__ import annotations

import csv
from codecs import getincrementaldecoder
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Self

from msb_wallet.errors import Fault, LicenceRefused
from msb_wallet.licences.model import ELEMENTS, ROW_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msb_wallet.licences.types import LicenceType

MAX_ROWS_A_TRANSACTION = 200
MAX_LINE_CHARS = 65_536
MAX_ROW_CHARS = 2 * MAX_LINE_CHARS  # quoted cells run over several lines
_SNIFF_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class NumberedRow:
    """One row, the line it ends on, and what is wrong before looking at its cells."""

    line: int
    cells: Mapping[str, str] = field(repr=False)
    faults: tuple[Fault, ...] = ()


def read_rows(file: BinaryIO, type_: LicenceType) -> Iterator[NumberedRow]:
    """Read the rows of a CSV; LicenceRefused where its heading cannot be used."""
    head = file.read(_SNIFF_BYTES)
    if b"\0" in head:  # a spreadsheet, UTF-16, anything but text
        zh, en = "不是CSV文本，电子表格请另存为CSV", "not CSV text: save a spreadsheet as CSV"
        raise LicenceRefused([Fault("*", "not-text", zh, en)])
    encoding = _encoding(head)
    lines = _lines(file, head, encoding)
    first = next(lines, "")
    delimiter = max("\t;,", key=lambda mark: (first.count(mark), mark == ","))
    gathered = _Lines(first, lines)
    reader = csv.reader(gathered, delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(reader, []), type_)
        yield from _rows(reader, gathered, columns)
    except csv.Error as error:
        line = gathered.number
        fault = Fault(f"line {line}", "csv", f"第{line}行不是合法的CSV", f"not CSV: {error}")
        raise LicenceRefused([fault]) from error


def _rows(reader: Iterator[list[str]], lines: _Lines, columns: list[str]) -> Iterator[NumberedRow]:
    for cells in reader:
        lines.begin_row()
        if not any(cell.strip() for cell in cells):
            continue
        faults: tuple[Fault, ...] = ()
        if len(cells) != len(columns):
            en = f"{len(cells)} cells, but the heading has {len(columns)}"
            zh = f"有{len(cells)}格，表头有{len(columns)}格"
            faults = (Fault("*", "cells", zh, en),)
        elif any("\ufffd" in cell for cell in cells):
            faults = (Fault("*", "encoding", "文字编码有误", "text that does not decode"),)
        yield NumberedRow(lines.number, dict(zip(columns, cells, strict=False)), faults)


def _columns(heading: list[str], type_: LicenceType) -> list[str]:
    """Give the element code of each heading."""
    names = {ELEMENTS[code]: code for code in ROW_ELEMENTS} | {f.name: f.key for f in type_.fields}
    known = {*names.values()}
    columns, faults = [], []
    for number, cell in enumerate(heading, start=1):
        title = cell.strip()
        code = names.get(title, title)
        if code not in known:
            zh, en = f"第{number}列表头无法识别", f"the heading of column {number} is not known"
            # By its number: in a file without a heading this cell is somebody's name.
            faults.append(Fault(f"#{number}", "unknown-heading", zh, en))
        elif code in columns:
            faults.append(Fault(title, "heading-twice", "表头重复", "a heading stands twice"))
        columns.append(code)
    missing = [code for code in ROW_ELEMENTS if code not in columns]
    faults += [
        Fault(ELEMENTS[c], "heading-missing", f"缺少表头{ELEMENTS[c]}", f"no column {c}")
        for c in missing
    ]
    if faults:
        raise LicenceRefused(faults)
    return columns


def _encoding(head: bytes) -> str:
    """Tell UTF-8 from GB18030 by the heading, or by most of the rows where that is plain ASCII.

    So a damaged row of a UTF-8 file stays a fault of that row, and the others are not read as
    GB18030, which gives some characters for nearly any bytes. No two of our Chinese headings in
    GB18030 can be read as UTF-8.
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
            raise LicenceRefused([Fault("*", "line-too-long", "单行过长", "a line is too long")])
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
            raise LicenceRefused([Fault("*", "row-too-long", "单行过长", "a row is too long")])
        return line

    def begin_row(self) -> None:
        """Count anew."""
        self._gathered = 0
