"""Rows from a CSV file, as departments' office programs write it.

UTF-8 (with or without a mark) or GB18030; comma, tab or semicolon; headings in Chinese names or
pinyin codes, in any order. The file is read as a stream. A fault of the file's own (no heading, an
unknown heading, one twice) refuses it whole; a fault of a row stays with its row.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from msb_wallet.errors import Fault, LicenceRefused
from msb_wallet.licences.model import ELEMENTS, ROW_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msb_wallet.licences.types import LicenceType

MAX_ROWS_A_TRANSACTION = 200
MAX_LINE_CHARS = 65_536
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
    encoding = _encoding(head)
    lines = _lines(file, head, encoding)
    first = next(lines, "")
    delimiter = max("\t;,", key=lambda mark: (first.count(mark), mark == ","))
    reader = csv.reader(_again(first, lines), delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(reader, []), type_)
        yield from _rows(reader, columns)
    except csv.Error as error:
        line = reader.line_num
        fault = Fault(f"line {line}", "csv", f"第{line}行不是合法的CSV", f"not CSV: {error}")
        raise LicenceRefused([fault]) from error


def _rows(reader: csv._reader, columns: list[str]) -> Iterator[NumberedRow]:  # type: ignore[name-defined]
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        faults: tuple[Fault, ...] = ()
        if len(cells) != len(columns):
            en = f"{len(cells)} cells, but the heading has {len(columns)}"
            zh = f"有{len(cells)}格，表头有{len(columns)}格"
            faults = (Fault("*", "cells", zh, en),)
        elif any("\ufffd" in cell for cell in cells):
            faults = (Fault("*", "encoding", "文字编码有误", "text that does not decode"),)
        yield NumberedRow(reader.line_num, dict(zip(columns, cells, strict=False)), faults)


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
            faults.append(Fault(title[:40] or f"#{number}", "unknown-heading", zh, en))
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
    """Tell UTF-8 from GB18030 by whether the start of the file is UTF-8."""
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # A character may be cut at the end of what was read; anything earlier is not UTF-8.
        if error.start < len(head) - 3 or len(head) < _SNIFF_BYTES:
            return "gb18030"
    return "utf-8"


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


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
