"""PDF files as the tests want them, and what is in a sealed one, found by hand."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pypdfium2
from PIL import Image as Pillow

from msb_seal.drawing import Font, Scene, Text, to_pdf
from msb_seal.seals.model import SealPicture

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYWORD = "盖章处"
_FONTS = "/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
_VALUE = re.compile(rb"/ByteRange \[0 (\d+) (\d+) (\d+)\]")


@cache
def plain(pages: int = 1) -> bytes:
    """A4 pages, each with the keyword at x 100 to 118 and y 194 to 200."""
    font = Font.load("song")
    return to_pdf([Scene(210, 297, (Text(KEYWORD, font, 6, 100, 200),)) for _ in range(pages)])


def pdf_file(objects: Sequence[str], *, trailer: str = "") -> bytes:
    """Write objects, numbered from 1; the first is the catalog."""
    written, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(written))
        written += f"{number} 0 obj\n{content}\nendobj\n".encode()
    start = len(written)
    written += f"xref\n0 {len(offsets) + 1}\n0000000000 65535 f \n".encode()
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    written += f"trailer\n<< /Size {len(offsets) + 1} /Root 1 0 R {trailer} >>\n".encode()
    return bytes(written + f"startxref\n{start}\n%%EOF\n".encode())


def one_page(
    page: str = "", *, catalog: str = "", content: str = "", more: Sequence[str] = ()
) -> bytes:
    """A page of 100 × 200 mm with entries of its own; its number is 3, further objects follow 4."""
    size = f"[0 0 {100 * 72 / 25.4:.4f} {200 * 72 / 25.4:.4f}]"
    media = "" if "/MediaBox" in page else f"/MediaBox {size}"
    return pdf_file(
        [
            f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
            f"<< /Type /Pages /Kids [3 0 R] /Count 1 {media} >>",
            f"<< /Type /Page /Parent 2 0 R /Contents 4 0 R {_FONTS} {page} >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
            *more,
        ]
    )


@cache
def picture(width_mm: int = 40, height_mm: int = 20) -> SealPicture:
    """Blue, with the left upper quarter red: which way up it stands can be seen."""
    pixels = Pillow.new("RGB", (80, 40), (0, 0, 255))
    pixels.paste((255, 0, 0), (0, 0, 40, 20))
    written = io.BytesIO()
    pixels.save(written, "PNG")
    return SealPicture("PNG", written.getvalue(), width_mm, height_mm)


@dataclass(frozen=True)
class Signed:
    """The bytes that the last signature of a file covers, and its value without the padding."""

    covered: bytes
    value: bytes


def signed(data: bytes) -> Signed:
    """Take the last signature of a file out of it; its ranges must reach from 0 to the end."""
    first, second, length = map(int, list(_VALUE.finditer(data))[-1].groups())
    assert second + length == len(data)
    hexadecimal = data[first:second]
    assert (hexadecimal[:1], hexadecimal[-1:]) == (b"<", b">")
    value = bytes.fromhex(hexadecimal[1:-1].decode())
    head = 2 + (value[1] & 0x7F if value[1] & 0x80 else 0)
    size = int.from_bytes(value[2:head], "big") if value[1] & 0x80 else value[1]
    assert not any(value[head + size :])
    return Signed(data[:first] + data[second:], value[: head + size])


def seen(data: bytes, page: int = 0, *, dpi: int = 127) -> Pillow.Image:
    """Give a page as pdfium draws it, with its forms: 5 pixels a millimetre."""
    with pypdfium2.PdfDocument(data) as document:
        document.init_forms()
        drawn = document[page].render(scale=dpi / 72, may_draw_forms=True).to_pil()
        return Pillow.frombytes("RGB", drawn.size, drawn.convert("RGB").tobytes())


def box_of(image: Pillow.Image, color: tuple[int, int, int]) -> tuple[float, ...] | None:
    """Give the box of one colour in mm: left, top, right, bottom."""
    apart = [
        channel.point(lambda value, wanted=wanted: 255 if abs(value - wanted) < 60 else 0)
        for channel, wanted in zip(image.split(), color, strict=True)
    ]
    both = Pillow.composite(apart[0], Pillow.new("L", image.size), apart[1])
    box = Pillow.composite(both, Pillow.new("L", image.size), apart[2]).getbbox()
    return None if box is None else tuple(edge / 5 for edge in box)
