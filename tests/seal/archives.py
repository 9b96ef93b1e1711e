"""Archives for tests, made with zipfile and bent by hand: nothing here uses the code under test."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OFD_XML = (
    b'<?xml version="1.0" encoding="UTF-8"?><ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016"'
    b' Version="1.0" DocType="OFD"><ofd:DocBody><ofd:DocInfo><ofd:DocID>'
    b"0123456789abcdef0123456789abcdef</ofd:DocID></ofd:DocInfo>"
    b"<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
)
DOCUMENT_XML = (
    b'<ofd:Document xmlns:ofd="http://www.ofdspec.org/2016"><ofd:CommonData><ofd:PageArea>'
    b"<ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea></ofd:CommonData>"
    b'<ofd:Pages><ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages></ofd:Document>'
)
PAGE_XML = (
    b'<ofd:Page xmlns:ofd="http://www.ofdspec.org/2016"><ofd:Content><ofd:Layer ID="2">'
    b"</ofd:Layer></ofd:Content></ofd:Page>"
)
MINIMAL: Mapping[str, bytes] = {
    "OFD.xml": OFD_XML,
    "Doc_0/Document.xml": DOCUMENT_XML,
    "Doc_0/Pages/Page_0/Content.xml": PAGE_XML,
}


def archive(entries: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    """A ZIP of the entries, by the standard library."""
    return archive_of(entries.items(), stored=stored)


def archive_of(entries: Iterable[tuple[str, bytes]], *, stored: bool = False) -> bytes:
    buffer = io.BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in entries:
            # ZipInfo at first hand: writestr would mend the name.
            information = zipfile.ZipInfo("x")
            information.filename = name
            file.writestr(information, content, method)
    return buffer.getvalue()


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """The archive with an entry's raw name replaced by one as long, in both places."""
    assert len(old) == len(new)
    assert data.count(old) >= 2
    return data.replace(old, new)


def deflated_zeros(size: int) -> bytes:
    """Raw deflate of that many zeros, a whole number of MiB, made in no time.

    A full flush ends a piece on a byte and forgets what was before, so one piece serves for all.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(1024 * 1024)) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * (size // (1024 * 1024)) + b"\x03\x00"  # the last block: empty
