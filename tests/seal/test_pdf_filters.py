"""Packed streams are undone as others undo them, and no file costs more than it is allowed."""

from __future__ import annotations

import base64
import io
import random
import zlib

import pytest
from PIL import Image

from msb_identity.foundation.report import Outcome, Verdict
from msb_seal.errors import PdfRefused
from msb_seal.pdf import filters
from msb_seal.pdf.filters import Allowance, decode
from msb_seal.pdf.syntax import Name, PdfValue, Stream
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.pdf_files import FIELD, ROOT, document, signed, stream, updated

TRUST = trusting(ROOT)
FLATE, BASE85 = Name("FlateDecode"), Name("ASCII85Decode")


def packed(raw: bytes, *names: PdfValue, columns: int = 0) -> Stream:
    given: dict[str, PdfValue] = {"Filter": list(names)}
    if columns:
        given["DecodeParms"] = {"Predictor": 15, "Columns": columns}
    return Stream(given, raw)


def as_png(rows: bytes, columns: int) -> bytes:
    """What Pillow makes of such rows, as an image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4)
        return len(data).to_bytes(4) + kind + data + check

    height = len(rows) // (columns + 1)
    head = columns.to_bytes(4) + height.to_bytes(4) + b"\x08\0\0\0\0"
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return Image.open(io.BytesIO(b"\x89PNG\r\n\x1a\n" + body)).tobytes()


@pytest.mark.parametrize("columns", [1, 2, 5, 64, 1001])
def test_predicted_rows_of_every_kind_are_what_a_png_reader_makes_of_them(columns: int) -> None:
    chance = random.Random(columns)
    rows = b"".join(
        bytes([kind]) + chance.randbytes(columns) for kind in [*range(5), *range(4, -1, -1)]
    )
    found = decode(packed(zlib.compress(rows), FLATE, columns=columns), Allowance())
    assert found == as_png(rows, columns)


COSTLY = {
    "unpacked bytes": packed(zlib.compress(bytes(2_000)), FLATE),
    "bytes not packed": packed(bytes(2_000)),
    "a chain of packings": packed(
        zlib.compress(zlib.compress(zlib.compress(bytes(900), 0), 0), 0), FLATE, FLATE, FLATE
    ),
    "work on long rows": packed(zlib.compress((b"\4" + bytes(400)) * 2), FLATE, columns=400),
    "work on many rows": packed(zlib.compress(b"\0\1" * 400), FLATE, columns=1),
    "letters that stand for four bytes": packed(b"z" * 300 + b"~>", BASE85),
    "work on letters": packed(base64.a85encode(bytes(range(1, 251)) * 3), BASE85),
}


@pytest.mark.parametrize("name", COSTLY)
def test_no_stream_takes_more_than_is_allowed(name: str) -> None:
    decode(COSTLY[name], Allowance(size=20_000, work=20_000))
    with pytest.raises(PdfRefused, match="beyond the limit"):
        decode(COSTLY[name], Allowance(size=1_000, work=1_000))


def test_what_comes_before_a_fault_is_counted() -> None:
    allowance = Allowance(size=40_000)
    broken = packed(zlib.compress(bytes(3_000), 9)[:-1] + b"?", FLATE)
    for match in ("broken", "limit"):
        with pytest.raises(PdfRefused, match=match):
            decode(broken, allowance)


def test_a_look_that_takes_too_much_work_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 KB of predicted rows that unpack to 100 MB took minutes."""
    monkeypatch.setattr(filters.Allowance.__init__, "__kwdefaults__", {"size": 10**8, "work": 9})
    rows = zlib.compress(b"\4" + bytes(400))
    how = b"/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 400>>"
    look = stream(rows, b"/Type/XObject/Subtype/Form/BBox[0 0 200 20]" + how)
    filled = updated(signed(document()), {7: FIELD % (b"100", 30), 30: look})
    report = check_pdf(filled, trust=TRUST, at=NOW)
    told = report.signatures[0].step("later-changes")
    assert (told.outcome, told.code) == (Outcome.UNKNOWN, "undecided")
    assert report.verdict is Verdict.INDETERMINATE
