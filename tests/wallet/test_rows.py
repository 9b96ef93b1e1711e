"""CSV files as office programs write them; what is wrong is said without repeating a cell."""

from __future__ import annotations

import csv
import io
import itertools
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.foundation.tables import MAX_LINE_CHARS
from msb_wallet.errors import LicenceRefused
from msb_wallet.licences.rows import NumberedRow, read_rows
from tests.wallet.support_licences import (
    CODES,
    HEADING,
    NAME,
    NUMBER,
    TYPE,
    csv_line,
    csv_text,
    good_row,
    named,
    refused_faults,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msb_wallet.errors import Fault

LINE = ",".join(good_row().values())


def read(content: bytes) -> list[NumberedRow]:
    return list(read_rows(io.BytesIO(content), TYPE))


def refused(content: bytes) -> tuple[Fault, ...]:
    return refused_faults(lambda: read(content))


class Endless(io.RawIOBase):
    """A file that repeats some bytes for ever, and counts what was read of it."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = itertools.chain(pieces[:-1], itertools.repeat(pieces[-1]))
        self._rest = b""
        self.taken = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0, "reads the whole"
        while len(self._rest) < size:
            self._rest += next(self._pieces)
        given, self._rest = self._rest[:size], self._rest[size:]
        self.taken += size
        return given


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_dialect_of_the_same_file_is_the_same(
    encoding: str, delimiter: str, end: str
) -> None:
    lines = [HEADING.replace(",", delimiter), LINE.replace(",", delimiter)]
    for text in (end.join(lines), end.join([*lines, ""])):
        [row] = read(text.encode(encoding))
        assert row.cells == good_row()
        assert (row.line, row.faults) == (2, ())


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_headings_may_be_codes_in_any_order(encoding: str) -> None:
    codes = list(reversed(CODES))
    line = ",".join(good_row()[code] for code in codes)
    [row] = read(f"{','.join(codes)}\n{line}\n".encode(encoding))
    assert row.cells == good_row()


def test_names_and_codes_may_be_mixed_and_have_spaces_around_them() -> None:
    [row] = read(f"{HEADING.replace('证照编号', ' ZZBH　')}\n{LINE}\n".encode())
    assert row.cells == good_row()


def test_optional_columns_may_be_missing_or_there() -> None:
    [row] = read(f"{HEADING},备注\n{LINE},夜班\n".encode())
    assert row.cells["KZ_BZ"] == "夜班"


def test_cells_with_delimiters_quotes_and_newlines() -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    for number in ("a,b", 'c"d', "e\nf", "g\r\nh"):
        writer.writerow(good_row(number).values())
    rows = read(f"{HEADING}\r\n{out.getvalue()}".encode())
    assert [row.cells["ZZBH"] for row in rows] == ["a,b", 'c"d', "e\nf", "g\r\nh"]
    assert [row.line for row in rows] == [2, 3, 5, 7]  # the line on which the row ends


def test_a_heading_in_quotes() -> None:
    heading = ",".join(f'"{name}"' for name in HEADING.split(","))
    assert len(read(f"\ufeff{heading}\n{LINE}\n".encode())) == 1


def test_blank_lines_are_no_rows_but_count_as_lines() -> None:
    rows = read(f"{HEADING}\n\n{LINE}\n   \n,,,,,,,\n{LINE}\n\n".encode())
    assert [row.line for row in rows] == [3, 6]


def test_a_file_of_a_heading_only_has_no_rows() -> None:
    assert read(HEADING.encode()) == []


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("", {(name, "heading-missing") for name in HEADING.split(",")[:6]}),
        (HEADING.replace("证照编号,", ""), {("证照编号", "heading-missing")}),
        (HEADING + ",颜色", {("#9", "unknown-heading")}),
        (HEADING + ",", {("#9", "unknown-heading")}),
        (HEADING + ",持证主体", {("持证主体", "heading-twice")}),
        (HEADING + ",CZZT", {("CZZT", "heading-twice")}),
        (HEADING + ",证照类型代码", {("#9", "unknown-heading")}),  # is the type's, not the row's
        (HEADING + ",ZZLXDM", {("#9", "unknown-heading")}),
    ],
)
def test_a_heading_with_a_fault_refuses_the_file(
    heading: str, expected: set[tuple[str, str]]
) -> None:
    assert named(refused(f"{heading}\n{LINE}\n".encode())) == expected


def test_every_fault_of_a_heading_is_named_at_once() -> None:
    heading = HEADING.replace("证照编号", "编号").replace("持证主体代码", "持证主体")
    assert {code for _, code in named(refused(heading.encode()))} == {
        "unknown-heading",
        "heading-twice",
        "heading-missing",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_file_without_a_heading_shows_nobody_s_data(encoding: str) -> None:
    faults = refused(f"{LINE}\n{LINE}\n".encode(encoding))
    assert NUMBER not in str(faults)
    assert NAME not in str(faults)


def test_a_short_and_a_long_row_are_faults_of_their_own() -> None:
    rows = read(f"{HEADING}\n{LINE},x\n{LINE}\na,b\n{LINE}\n".encode())
    assert [named(row.faults) for row in rows] == [
        {("*", "cells")},
        set(),
        {("*", "cells")},
        set(),
    ]
    assert NUMBER not in str([row.faults for row in rows])
    assert NUMBER not in repr(rows)


@pytest.mark.parametrize("count", [3, 3_000])
def test_a_late_row_that_does_not_decode_is_a_fault_of_its_own(count: int) -> None:
    lines = csv_text(count).encode().splitlines(keepends=True)
    lines[-2] = lines[-2].replace(NAME.encode(), b"\xd5\xc5\xc8\xfd")
    rows = read(b"".join(lines))
    assert len(rows) == count
    assert [number for number, row in enumerate(rows) if row.faults] == [count - 2]
    assert named(rows[-2].faults) == {("*", "encoding")}


def test_a_byte_that_gb18030_does_not_know_is_a_fault_of_its_row() -> None:
    lines = csv_text(3).encode("gb18030").splitlines(keepends=True)
    lines[2] = lines[2].replace(NAME.encode("gb18030"), b"\xff\xff")
    assert [named(row.faults) for row in read(b"".join(lines))] == [
        set(),
        {("*", "encoding")},
        set(),
    ]


def test_codes_as_headings_leave_the_encoding_to_the_rows() -> None:
    text = f"{','.join(CODES)}\n{LINE}\n"
    for encoding in ("utf-8", "gb18030"):
        [row] = read(text.encode(encoding))
        assert row.cells == good_row()


def test_a_damaged_row_does_not_turn_the_others_into_other_characters() -> None:
    lines = [",".join(CODES), *([LINE] * 3)]
    content = "\n".join(lines).encode().replace(NAME.encode(), b"\xe5\xbc", 1)
    rows = read(content)
    assert [named(row.faults) for row in rows] == [{("*", "encoding")}, set(), set()]
    assert [row.cells["CZZT"] for row in rows[1:]] == [NAME, NAME]


def test_a_character_cut_by_the_first_read_does_not_change_the_encoding() -> None:
    for shift in range(4):
        text = csv_text(2_000).replace("蒙K", "蒙" + "K" * shift)
        assert len(text.encode()) > 2 * 65_536
        rows = read(text.encode())
        assert len(rows) == 2_000
        assert not any(row.faults for row in rows)


@pytest.mark.parametrize("start", [b"", HEADING.encode() + b"\n", csv_text(10).encode()])
def test_a_line_without_end_is_refused_before_it_is_read(start: bytes) -> None:
    file = Endless(start, b"x" * 1_000)
    with pytest.raises(LicenceRefused) as caught:
        list(read_rows(file, TYPE))  # type: ignore[arg-type]
    assert "line-too-long" in {fault.code for fault in caught.value.faults}
    assert file.taken <= 4 * MAX_LINE_CHARS


@pytest.mark.parametrize("piece", [b"x" * 100 + b"\n", b'a\n","'], ids=["cell", "row"])
def test_a_cell_or_row_without_end_is_refused_before_it_is_read(piece: bytes) -> None:
    file = Endless(HEADING.encode() + b'\n"', piece)
    with pytest.raises(LicenceRefused):
        list(read_rows(file, TYPE))  # type: ignore[arg-type]
    assert file.taken <= 16 * MAX_LINE_CHARS


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0" + bytes(range(256)) * 40,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000),  # .xls
        csv_text(3).encode("utf-16"),
        b"\0" * 1_000,
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\0\0",
    ],
)
def test_a_spreadsheet_or_another_file_is_refused_as_no_csv(content: bytes) -> None:
    assert named(refused(content)) == {("*", "not-text")}


def test_a_nul_in_a_late_row_is_that_row_s_fault() -> None:
    text = csv_text(2_000).replace("蒙K01000001990", "蒙K\0")
    rows = list(read_rows(io.BytesIO(text.encode()), TYPE))
    assert len(rows) == 2_000
    assert "\0" in rows[1_990].cells["ZZBH"]  # the model refuses it by name


@pytest.mark.parametrize(
    "line",
    ['"张三"x' + "," * 7, '"never closed,' + "," * 7, "a\rb" + "," * 7],
)
def test_what_is_not_csv_names_the_line(line: str) -> None:
    faults = refused(f"{HEADING}\n{LINE}\n{line}\n".encode())
    assert [fault.code for fault in faults] == ["csv"]
    assert "line 3" in faults[0].column or "line 4" in faults[0].column
    assert NAME not in str(faults)


def test_a_long_file_is_read_as_a_stream() -> None:
    count = 50_000

    def pieces() -> Iterator[bytes]:
        yield HEADING.encode() + b"\n"
        for number in range(count):
            yield csv_line(number).encode() + b"\n"

    class Stream(io.RawIOBase):
        rest = b""
        source = pieces()

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
            while len(self.rest) < len(buffer) and (more := next(self.source, b"")):
                self.rest += more
            size = min(len(buffer), len(self.rest))
            buffer[:size], self.rest = self.rest[:size], self.rest[size:]
            return size

    tracemalloc.start()
    try:
        rows = read_rows(io.BufferedReader(Stream()), TYPE)
        found = sum(1 for row in rows if not row.faults)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == count
    assert peak < 4_000_000, peak  # the file has 6 MB


cells = st.lists(st.text(max_size=12), max_size=9)


@given(st.lists(cells, max_size=4), st.booleans(), st.sampled_from([",", ";", "\t"]))
def test_any_table_is_read_or_refused(
    table: Sequence[Sequence[str]],
    headed: bool,  # noqa: FBT001 - drawn
    delimiter: str,
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, escapechar="\\")
    writer.writerows(table)
    text = (HEADING.replace(",", delimiter) + "\r\n") * headed + out.getvalue()
    try:
        rows = read(text.encode("utf-8", "surrogatepass"))
    except LicenceRefused as refusal:
        assert refusal.faults  # noqa: PT017 - many tables come here
    else:
        assert all(set(row.cells) <= {*CODES, "KZ_BZ"} for row in rows)


@given(st.binary(max_size=2_000))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for start in (b"", HEADING.encode() + b"\n"):
        try:
            read(start + content)
        except LicenceRefused as refusal:
            assert refusal.faults  # noqa: PT017 - nearly all come here


def test_chinese_headings_in_gb18030_are_never_taken_for_utf_8() -> None:
    fields = [*HEADING.split(","), "备注"]
    for heading in itertools.permutations(fields, 2):
        with pytest.raises(UnicodeDecodeError):
            ",".join(heading).encode("gb18030").decode()
