"""Pictures of seals on pages, and red letters; what is told of them."""

from __future__ import annotations

import io
import zlib
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image

from msb_seal.drawing.fonts import Font
from msb_seal.drawing.scene import Text
from msb_seal.pdf.verify import check_pdf
from msb_seal.pictures import NameSeal, RoundSeal, draw
from tests.identity.authorities import NOW, trusting
from tests.seal.pdf_files import PAGE, ROOT, stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.foundation.report import Outcome, Report

TRUST = trusting(ROOT)
POINTS = 72 / 25.4
SIZE = 42 * POINTS
RED = (230, 0, 18)


@cache
def seal_png(name: str = "round") -> bytes:
    design = NameSeal("张三之印") if name == "name" else RoundSeal("鄂尔多斯市康巴什区人民政府")
    return draw(design).png(dpi=150)


def image(png: bytes) -> Mapping[int, bytes]:
    """A picture as objects 30 and, its transparency, 31."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    width, height = picture.size
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/Filter/FlateDecode"
    head %= width, height
    colors = zlib.compress(picture.convert("RGB").tobytes())
    alpha = zlib.compress(picture.getchannel("A").tobytes())
    return {
        30: stream(colors, head + b"/ColorSpace/DeviceRGB/SMask 31 0 R"),
        31: stream(alpha, head + b"/ColorSpace/DeviceGray"),
    }


def page(content: bytes, resources: bytes = b"", annotations: bytes = b"7 0 R") -> dict[int, bytes]:
    return {
        3: (PAGE % annotations).replace(b"/Resources<<", b"/Resources<<" + resources),
        4: stream(content),
    }


def pasted(png: bytes, *, size: float = SIZE, turned: bool = False) -> dict[int, bytes]:
    content = b"q %.2f 0 0 %.2f 300 200 cm /Im Do Q" % (size, size)
    changes = {**page(content, b"/XObject<</Im 30 0 R>>"), **image(png)}
    if turned:
        changes[3] = changes[3].replace(b"/MediaBox", b"/Rotate 90/MediaBox")
    return changes


def line(text: str, x: float, y: float, size: float, *, apart: float = 1.05) -> Text:
    """Red letters from a place on, in millimetres; how far apart: of their size."""
    steps = (size * apart,) * len(text)
    return Text(text, Font.load("song"), size, x, y, color=RED, advances_mm=steps)


def check(data: bytes) -> tuple[Outcome, str]:
    step = report(data).step("unsigned-seal-picture")
    return step.outcome, step.code


def report(data: bytes) -> Report:
    return check_pdf(data, trust=TRUST, at=NOW)
