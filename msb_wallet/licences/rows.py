"""Rows from a CSV file, as departments' office programs write it.

Headings in Chinese names or pinyin codes, in any order. The file is read as a stream. A fault of
the file's own (no heading, an unknown heading, one twice) refuses it whole; a fault of a row stays
with its row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from msb_identity.foundation.tables import TableRefused, read_table
from msb_wallet.errors import Fault, LicenceRefused
from msb_wallet.licences.model import ELEMENTS, ROW_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msb_wallet.licences.types import LicenceType

MAX_ROWS_A_TRANSACTION = 200


@dataclass(frozen=True, slots=True)
class NumberedRow:
    """One row, the line it ends on, and what is wrong before looking at its cells."""

    line: int
    cells: Mapping[str, str] = field(repr=False)
    faults: tuple[Fault, ...] = ()


def read_rows(file: BinaryIO, type_: LicenceType) -> Iterator[NumberedRow]:
    """Read the rows of a CSV; LicenceRefused where its heading cannot be used."""
    rows = read_table(file)
    try:
        _, heading = next(rows)
        columns = _columns(heading, type_)
        for line, cells in rows:
            yield _row(line, cells, columns)
    except TableRefused as error:
        where = f"line {error.line}" if error.line else "*"
        raise LicenceRefused([Fault(where, error.code, error.zh, error.en)]) from error


def _row(line: int, cells: list[str], columns: list[str]) -> NumberedRow:
    faults: tuple[Fault, ...] = ()
    if len(cells) != len(columns):
        en = f"{len(cells)} cells, but the heading has {len(columns)}"
        zh = f"有{len(cells)}格，表头有{len(columns)}格"
        faults = (Fault("*", "cells", zh, en),)
    elif any("\ufffd" in cell for cell in cells):
        faults = (Fault("*", "encoding", "文字编码有误", "text that does not decode"),)
    return NumberedRow(line, dict(zip(columns, cells, strict=False)), faults)


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
