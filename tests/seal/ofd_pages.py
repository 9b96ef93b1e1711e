"""Small OFD pages written by hand, and looking at what is drawn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.reading import render_page
from tests.seal.archives import DOCUMENT_XML, MINIMAL, archive

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
DOTS = 4  # to the millimetre
WHITE, RED, GREEN, BLACK = (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 0)


def package(
    objects: str,
    *,
    resources: str = "",
    files: Mapping[str, bytes] | None = None,
    document: bytes = DOCUMENT_XML,
    page: str = "",
) -> OfdPackage:
    """A document of one page with these objects and resources."""
    content = page or f'<ofd:Content><ofd:Layer ID="2">{objects}</ofd:Layer></ofd:Content>'
    entries = {
        **MINIMAL,
        "Doc_0/Document.xml": document.replace(
            b"</ofd:CommonData>", b"<ofd:DocumentRes>Res.xml</ofd:DocumentRes></ofd:CommonData>"
        ),
        "Doc_0/Pages/Page_0/Content.xml": f"<ofd:Page {NAMESPACE}>{content}</ofd:Page>".encode(),
        "Doc_0/Res.xml": f'<ofd:Res {NAMESPACE} BaseLoc="Res">{resources}</ofd:Res>'.encode(),
    }
    return OfdPackage.read(archive({**entries, **(files or {})}))


def seen(document: OfdPackage, page: int = 1) -> Image.Image:
    return Image.open(io.BytesIO(render_page(document, page, dpi=25.4 * DOTS))).convert("RGB")


def at(image: Image.Image, x_mm: float, y_mm: float) -> object:
    return image.getpixel((round(x_mm * DOTS), round(y_mm * DOTS)))


def square(x: float, y: float, *, more: str = "", color: str = "255 0 0") -> str:
    """A filled square of 10 mm."""
    return (
        f'<ofd:PathObject ID="9" Boundary="{x} {y} 10 10" Stroke="false" Fill="true" {more}>'
        f'<ofd:FillColor Value="{color}"/>'
        "<ofd:AbbreviatedData>M 0 0 L 10 0 L 10 10 L 0 10 C</ofd:AbbreviatedData></ofd:PathObject>"
    )


def png(size: tuple[int, int], color: tuple[int, ...], kind: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(written, kind)
    return written.getvalue()


def reds(image: Image.Image, box: tuple[float, float, float, float]) -> float:
    """How much of a box (mm) is red."""
    part = image.crop(tuple(round(n * DOTS) for n in box)).tobytes()  # type: ignore[arg-type] # four
    pixels = zip(part[::3], part[1::3], part[2::3], strict=True)
    return sum(r > 180 and g < 100 and b < 100 for r, g, b in pixels) * 3 / len(part)
