"""What was appended to a signed PDF so that readers take it in different ways is never valid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Verdict
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.pdf_files import BASE, PAGE, ROOT, Sign, document, signed, stream, updated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRUST = trusting(ROOT)
HONEST = PAGE % b"7 0 R 20 0 R"
EVIL = HONEST.replace(b"/Contents 4 0 R", b"/Contents 43 0 R")
EVIL_TEXT = stream(b"BT /F1 18 Tf 72 700 Td (900 yuan) Tj ET")


def verdict(data: bytes) -> Verdict:
    return check_pdf(data, trust=TRUST, at=NOW).verdict


def packed(
    objects: Sequence[tuple[int, bytes]], index: int, *, count: int = 0, twice: bytes = b""
) -> bytes:
    """An update whose page 3 stands in object stream 61, at an index."""
    data = bytearray(signed(document()))
    last = int(re.findall(rb"startxref\n(\d+)", data)[-1])
    head, body = b"", b""
    for number, value in objects:
        head += b"%d %d " % (number, len(body))
        body += value + b" "
    entries = b"/Type/ObjStm/N %d/First %d" % (count or len(objects), len(head))
    rows = b""
    for number, value in ((43, EVIL_TEXT), (61, stream(head + body, entries))):
        rows += b"\x01" + len(data).to_bytes(4, "big") + b"\0\0"
        data += b"%d 0 obj\n%s\nendobj\n" % (number, value)
    rows = b"\x02" + (61).to_bytes(4, "big") + index.to_bytes(2, "big") + rows
    start = len(data)
    rows += b"\x01" + start.to_bytes(4, "big") + b"\0\0"
    trailer = b"/Type/XRef/W[1 4 2]/Index[3 1 43 1 61 2]/Root 1 0 R/Size 100/Prev %d%s"
    data += b"62 0 obj\n%s\nendobj\n" % stream(rows, trailer % (last, twice))
    return bytes(data + b"startxref\n%d\n%%%%EOF\n" % start)


def test_an_object_stream_that_every_reader_takes_alike_is_valid() -> None:
    assert verdict(packed([(3, HONEST)], 0)) is Verdict.VALID


@pytest.mark.parametrize("index", [0, 1])
def test_an_object_twice_in_one_object_stream_is_never_valid(index: int) -> None:
    objects = [(3, EVIL), (3, EVIL)]
    objects[index] = (3, HONEST)
    assert verdict(packed(objects, index)) is not Verdict.VALID


def test_an_object_stream_with_another_object_than_is_named_is_never_valid() -> None:
    assert verdict(packed([(3, HONEST), (4, b"null")], 0)) is not Verdict.VALID
    assert verdict(packed([(3, HONEST), (3, EVIL)], 0, count=1)) is not Verdict.VALID


def test_an_entry_twice_in_the_trailer_is_never_valid() -> None:
    assert verdict(packed([(3, HONEST)], 0, twice=b"/Size 100")) is not Verdict.VALID


def bent(old: bytes, new: bytes, objects: Mapping[int, bytes] | None = None) -> bytes:
    """An update of objects with one thing in it written otherwise."""
    data = signed(document())
    whole = updated(data, objects or {4: BASE[4]})
    assert old in whole[len(data) :]
    return data + whole[len(data) :].replace(old, new, 1)


BENT: Mapping[str, bytes] = {
    "no row of 20 bytes": bent(b" 00000 n \n", b" 0 n\n"),
    "objects beyond the size": bent(b"/Size 100", b"/Size 8"),
    "a comment before endstream": bent(b"ET\nendstream", b"ET\n%x\nendstream"),
    "no endobj": bent(b"endobj", b""),
    "an object in a comment": bent(b"endobj\n", b"endobj\n%\x0c 4 0 obj null endobj\n"),
    "words between": bent(b"%%EOF", b"%%EOF\nPK words"),
    "a long tail": bent(b"%%EOF", b"%%EOF\n%" + b"x" * 1100),
    "a key twice": bent(b"/Kids", b"/Kids[9 0 R]/Kids", {2: BASE[2]}),
    "a key twice, once escaped": bent(b"/Kids", b"/K#69ds[9 0 R]/Kids", {2: BASE[2]}),
    "a number twice": bent(b"xref\n", b"xref\n4 1\n0000000015 00000 n \n"),
    "another object where a number says": bent(b"\n4 1\n", b"\n70 1\n"),
    "a previous part that is no number": bent(b"/Prev ", b"/XRefStm 1.5/Prev "),
}


@pytest.mark.parametrize("name", BENT)
def test_what_readers_repair_or_choose_is_never_valid(name: str) -> None:
    assert verdict(BENT[name]) is not Verdict.VALID


def test_an_unreadable_object_that_was_replaced_is_never_valid() -> None:
    odd = b"<</Length 5>>\nstream \n%s\nendstream"
    data = signed(document({4: odd % b"BT /F1 9 Tf (100) Tj ET"}))
    assert verdict(updated(data, {4: odd % b"BT /F1 9 Tf (900) Tj ET"})) is not Verdict.VALID


def test_an_entry_that_stood_twice_when_it_was_signed_is_left_open() -> None:
    """Whoever made the file may show each reader another page."""
    twice = {3: BASE[3].replace(b"/Contents 4 0 R", b"/Contents 4 0 R/Contents 43 0 R")}
    how = Sign(more={3: HONEST.replace(b"/Contents 4 0 R", b"/Contents 4 0 R/Contents 43 0 R")})
    report = check_pdf(signed(document({**twice, 43: EVIL_TEXT}), how), trust=TRUST, at=NOW)
    assert report.verdict is Verdict.INDETERMINATE
    assert "doubled-entry" in {step.code for step in report.steps}
