"""A red seal that is only a picture is told; what signatures show and other red things are not."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from msb_identity.foundation.report import Outcome, Report
from msb_seal.errors import PdfRefused
from msb_seal.pdf.drawn.seals import find_red_seals
from msb_seal.pdf.verify import check_pdf
from msb_seal.pictures import NameSeal, RoundSeal, draw
from tests.identity.authorities import NOW, trusting
from tests.seal.pdf_files import BASE, PAGE, ROOT, Sign, document, signed, stream

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUST = trusting(ROOT)
POINTS = 72 / 25.4
SIZE = 42 * POINTS


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


def drawn_ring(color: bytes) -> dict[int, bytes]:
    """A ring of four curves, and a cross in it."""
    ring = (
        b"%s RG 4 w 460 300 m 460 333 433 360 400 360 c 367 360 340 333 340 300 c 340 267 367 240"
        b" 400 240 c 433 240 460 267 460 300 c S 340 300 m 460 300 l S 400 240 m 400 360 l S"
    )
    return page(ring % color)


def stamped() -> dict[int, bytes]:
    """A rubber stamp: an annotation with the picture, and nobody's signature."""
    look = stream(
        b"q 119 0 0 119 0 0 cm /Im Do Q",
        b"/Type/XObject/Subtype/Form/BBox[0 0 119 119]/Resources<</XObject<</Im 30 0 R>>>>",
    )
    return {
        **page(b"", annotations=b"7 0 R 40 0 R"),
        **image(seal_png()),
        40: b"<</Type/Annot/Subtype/Stamp/Rect[300 200 419 319]/F 4/AP<</N 41 0 R>>>>",
        41: look,
    }


def photograph() -> bytes:
    """Red, and as large as a seal, but red all over."""
    written = io.BytesIO()
    Image.new("RGB", (200, 200), (220, 20, 20)).save(written, "PNG")
    return written.getvalue()


def heading() -> bytes:
    """Red letters in one line, as 红头文件 have them."""
    picture = Image.new("RGB", (900, 100), "white")
    pen = ImageDraw.Draw(picture)
    for x in range(10, 880, 60):
        pen.rectangle((x, 15, x + 45, 85), outline=(230, 0, 18), width=9)
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def check(data: bytes) -> tuple[Outcome, str]:
    step = report(data).step("unsigned-seal-picture")
    return step.outcome, step.code


def report(data: bytes) -> Report:
    return check_pdf(data, trust=TRUST, at=NOW)


SEALS = {
    "a pasted round seal": pasted(seal_png()),
    "a pasted name seal": pasted(seal_png("name"), size=20 * POINTS),
    "on a turned page": pasted(seal_png(), turned=True),
    "drawn with red lines": drawn_ring(b"0.9 0 0.07"),
    "a stamp that is an annotation": stamped(),
}


@pytest.mark.parametrize("name", SEALS)
def test_a_picture_of_a_seal_is_told_with_its_page(name: str) -> None:
    told = report(document(SEALS[name])).step("unsigned-seal-picture")
    assert (told.outcome, told.code) == (Outcome.WARNING, "found")
    assert told.detail.startswith("page 1: ")


def test_it_is_told_of_a_signed_file_too() -> None:
    assert check(signed(document({4: SEALS["drawn with red lines"][4]}))) == (
        Outcome.WARNING,
        "found",
    )


OTHERS = {
    "no picture": {},
    "a grey ring": drawn_ring(b"0.2 0.2 0.2"),
    "a blue ring": drawn_ring(b"0 0 0.9"),
    "a photograph": pasted(photograph()),
    "a heading": {
        **page(b"q 450 0 0 50 70 700 cm /Im Do Q", b"/XObject<</Im 30 0 R>>"),
        **image(heading()),
    },
    "a dot": pasted(seal_png(), size=8 * POINTS),
    "red words": page(b"1 0 0 rg BT /F1 24 Tf 72 700 Td (URGENT) Tj ET"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_things_are_no_seal(name: str) -> None:
    assert check(document(OTHERS[name])) == (Outcome.OK, "none")


def test_what_a_seal_shows_is_no_unsigned_seal_and_what_another_signature_shows_is_told() -> None:
    look = stream(
        b"q 119 0 0 119 0 0 cm /Im Do Q",
        b"/Type/XObject/Subtype/Form/BBox[0 0 119 119]/Resources<</XObject<</Im 30 0 R>>>>",
    )
    shown = Sign(
        widget=b"/Rect[300 200 419 319]/AP<</N 50 0 R>>", more={50: look, **image(seal_png())}
    )
    assert check(signed(document({4: BASE[4]}), shown)) == (Outcome.WARNING, "not-a-seal")
    as_seal = replace(shown, sub_filter=b"GM.sm2seal")
    assert check(signed(document({4: BASE[4]}), as_seal)) == (Outcome.OK, "none")
    both = document({**page(b"1 0 0 RG 0 0 m 1 1 l S"), 4: drawn_ring(b"1 0 0")[4]})
    assert check(signed(both, as_seal)) == (Outcome.WARNING, "found")


def test_an_unsigned_field_with_a_picture_is_told() -> None:
    """A signature field without a signature shows its look all the same."""
    changes = stamped()
    changes[40] = changes[40].replace(b"/Subtype/Stamp", b"/Subtype/Widget/FT/Sig/T(s)")
    changes[5] = b"<</Fields[7 0 R 40 0 R]>>"
    assert check(document(changes)) == (Outcome.WARNING, "found")


@pytest.mark.parametrize("times", [1, 2])
def test_a_bomb_among_the_streams_is_not_handed_to_what_draws(times: int) -> None:
    packed = bytes(120_000_000)
    for _ in range(times):
        packed = zlib.compress(packed, 9)
    bomb = b"/Type/Metadata/Filter[" + b"/FlateDecode" * times + b"]"
    changes = {**pasted(seal_png()), 40: stream(packed, bomb)}
    tracemalloc.start()
    with pytest.raises(PdfRefused, match="grows beyond"):
        find_red_seals(document({**BASE, **changes}), pages=[0], signed={}, with_forms=False)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
