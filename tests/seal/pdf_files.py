"""PDF files written by hand: a page with a form, updates of it, and signatures of every kind.

Nothing of the code under test writes here, so that files can be wrong in any way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_seal.cms.making import cms_digest, prepare_cms
from tests.identity.authorities import NOW, Entity, authority
from tests.seal.forging import SIGNS, stamping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from msb_seal.timestamp import TimestampSource

ROOT = authority("pdf root")
SIGNER = ROOT.issue("pdf signer", usage=SIGNS)
ROOM = 16_000
"""Hexadecimal digits for /Contents."""
LOOK = b"/Tx BMC q BT /F1 12 Tf 2 4 Td (%s) Tj ET Q EMC"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 6 0 R>>>>/Annots[%s]>>"  # noqa: E501 - one object
FIELD = (
    b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(%s)/Rect[50 500 250 520]/F 4/P 3 0 R"
    b"/DA(/F1 12 Tf)/AP<</N %d 0 R>>>>"
)
FORM = b"<</Fields[%s]/SigFlags 3/DR<</Font<</F1 6 0 R>>>>/DA(/F1 12 Tf)>>"
CATALOG = b"<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R%s>>"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(content), content)


def look(text: bytes, *, font: bytes = b"6 0 R") -> bytes:
    """The appearance of a text field."""
    head = b"/Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</F1 %s>>>>" % font
    return stream(LOOK % text, head)


BASE: Mapping[int, bytes] = {
    1: CATALOG % b"",
    2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    3: PAGE % b"7 0 R",
    4: stream(b"BT /F1 18 Tf 72 700 Td (100 yuan) Tj ET"),
    5: FORM % b"7 0 R",
    6: FONT,
    7: FIELD % (b"", 8),
    8: look(b""),
}


def _section(start: int, objects: Mapping[int, bytes], trailer: bytes) -> bytes:
    """Objects, their table and trailer, for a place in a file."""
    body, rows = bytearray(), []
    for number, value in objects.items():
        rows.append(b"%d 1\n%010d 00000 n \n" % (number, start + len(body)))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, value)
    table = start + len(body)
    body += b"xref\n0 1\n0000000000 65535 f \n" + b"".join(rows)
    body += b"trailer\n<</Root 1 0 R/Size 100%s>>\nstartxref\n%d\n%%%%EOF\n" % (trailer, table)
    return bytes(body)


def document(changes: Mapping[int, bytes] | None = None, *, trailer: bytes = b"") -> bytes:
    head = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    return head + _section(len(head), {**BASE, **(changes or {})}, trailer)


def updated(data: bytes, objects: Mapping[int, bytes], *, trailer: bytes = b"") -> bytes:
    """Append an incremental update."""
    last = int(re.findall(rb"startxref\n(\d+)", data)[-1])
    return data + _section(len(data), objects, b"/Prev %d%s" % (last, trailer))


@dataclass(frozen=True)
class Sign:
    """How to sign: the numbers and words of a signature field, and what makes /Contents."""

    by: Entity = SIGNER
    sub_filter: bytes = b"ETSI.CAdES.detached"
    kind: bytes = b"Sig"
    field_number: int = 20
    name: bytes = b"Sig1"
    fields: bytes = b"7 0 R 20 0 R"
    entries: bytes = b""
    widget: bytes = b"/Rect[0 0 0 0]"
    as_widget: bool = True
    flags: int = 132
    catalog: bytes | None = None
    time: datetime = NOW
    timestamps: TimestampSource | None = None
    make: Callable[[bytes], bytes] | None = None
    room: int = ROOM
    more: Mapping[int, bytes] = field(default_factory=dict)

    def contents(self, signed: bytes) -> bytes:
        if self.make is not None:
            return self.make(signed)
        certificate = self.by.certificate
        prepared = prepare_cms(
            digest=cms_digest(signed, certificate), certificate=certificate, now=self.time
        )
        return prepared.finish(self.by.key.sign(prepared.to_sign), timestamps=self.timestamps)


def signed(data: bytes, how: Sign | None = None) -> bytes:
    """Add a signature in a field of its own, as one incremental update."""
    how = how or Sign()
    number = how.field_number
    objects = {
        3: PAGE % how.fields,
        5: FORM % how.fields,
        number: b"<<%s/FT/Sig/T(%s)/V %d 0 R/F %d/P 3 0 R%s>>"
        % (
            b"/Type/Annot/Subtype/Widget" if how.as_widget else b"",
            *(how.name, number + 1, how.flags, how.widget),
        ),
        number + 1: b"<</Type/%s/Filter/Adobe.PPKLite/SubFilter/%s/M(%s)%s"
        b"/ByteRange[0 1111111111 2222222222 3333333333]/Contents<%s>>>"
        % (
            how.kind,
            how.sub_filter,
            f"D:{how.time:%Y%m%d%H%M%S}Z".encode(),
            how.entries,
            b"0" * how.room,
        ),
        **how.more,
    }
    if how.catalog is not None:
        objects[1] = CATALOG % how.catalog
    whole = updated(data, objects)
    return fill(whole, how.contents, since=len(data), room=how.room)


def fill(
    whole: bytes, contents: Callable[[bytes], bytes], *, since: int = 0, room: int = ROOM
) -> bytes:
    """Put the numbers and the signature where room was left for them."""
    start = whole.index(b"/Contents<0000", since) + len(b"/Contents")
    end = start + room + 2
    numbers = b"0 %-10d %-10d %-10d" % (start, end, len(whole) - end)
    whole = whole.replace(b"0 1111111111 2222222222 3333333333", numbers)
    value = contents(whole[:start] + whole[end:])
    return whole[: start + 1] + value.hex().encode().ljust(room, b"0") + whole[end - 1 :]


def stamp() -> TimestampSource:
    return stamping().source()
