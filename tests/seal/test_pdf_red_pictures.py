"""A red seal that is only a picture is told; what signatures show and other red things are not."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from msb_identity.foundation.report import Outcome
from msb_seal.drawing.png import to_png
from msb_seal.drawing.scene import WHITE, Scene
from msb_seal.errors import PdfRefused
from msb_seal.pdf import shown
from msb_seal.pdf.drawn.seals import find_red_seals
from msb_seal.pdf.red_pictures import RedSearch
from msb_seal.pdf.revisions import PdfBytes, Revision
from msb_seal.pdf.syntax import Ref
from tests.seal.pdf_files import BASE, PAGE, Sign, document, signed, stream
from tests.seal.pdf_pictures import POINTS, check, image, line, page, pasted, report, seal_png


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
    """Red letters in one line, as 红头文件 have them, as pixels."""
    return to_png(Scene(160, 18, (line("康巴什区人民政府文件", 2, 14, 15),)), dpi=100, ground=WHITE)


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
        **page(b"q 454 0 0 51 70 700 cm /Im Do Q", b"/XObject<</Im 30 0 R>>"),
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
    how = Sign(
        widget=b"/Rect[300 200 419 319]/AP<</N 50 0 R>>", more={50: look, **image(seal_png())}
    )
    assert check(signed(document({4: BASE[4]}), how)) == (Outcome.WARNING, "not-a-seal")
    as_seal = replace(how, sub_filter=b"GM.sm2seal")
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
        find_red_seals(document({**BASE, **changes}), pages=[0], without={}, with_forms=False)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


CIRCLE = (
    b" 6 w 300 160 m 300 193 327 220 360 220 c 393 220 420 193 420 160 c"
    b" 420 127 393 100 360 100 c 327 100 300 127 300 160 c S"
)
"""A ring of 42 mm, in whatever colour was set before."""


def type3() -> dict[int, bytes]:
    """A seal that is a letter of a font."""
    glyph = stream(b"1000 0 d0 1 0 0 RG 60 w 100 100 800 800 re S 1 0 0 rg 400 400 200 200 re f")
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[.001 0 0 .001 0 0]"
        b"/CharProcs<</a 41 0 R>>/Encoding<</Type/Encoding/Differences[97/a]>>"
        b"/FirstChar 97/LastChar 97/Widths[1000]>>"
    )
    changes = page(b"BT /T3 119 Tf 300 100 Td (a) Tj ET")
    changes[3] = changes[3].replace(b"/F1 6 0 R>>", b"/F1 6 0 R/T3 40 0 R>>")
    return {**changes, 40: font, 41: glyph}


def inline() -> dict[int, bytes]:
    picture = Image.open(io.BytesIO(seal_png())).resize((120, 120)).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    pixels = white.convert("RGB").tobytes().hex().encode()
    head = b"q 119 0 0 119 300 100 cm BI /W 120 /H 120 /CS /RGB /BPC 8 /F /AHx ID "
    return page(head + pixels + b"> EI Q")


def spaced(space: bytes, set_colour: bytes) -> dict[int, bytes]:
    return page(set_colour + CIRCLE, b"/ColorSpace<</Cs %s>>" % space)


def annotated(entries: bytes) -> dict[int, bytes]:
    """An annotation that readers draw by its entries, without a look."""
    shown = b"<</Type/Annot%s/Rect[300 100 420 220]/F 4/C[1 0 0]/BS<</W 5>>>>"
    return {**page(b"", annotations=b"7 0 R 40 0 R"), 40: shown % entries}


TINT = b"<</FunctionType 2/Domain[0 1]/C0[1 1 1]/C1[1 0 0]/N 1>>"
HIDDEN_REDS = {
    "an inline image": inline(),
    "a letter of a font": type3(),
    "numbers beyond one": page(b"2 -1 -1 RG" + CIRCLE),
    "numbers with signs": page(b"+1 +0 -0 RG" + CIRCLE),
    "numbers with zeros": page(b"01 00 00.0 RG" + CIRCLE),
    "a comment between": page(b"1 0 0%x\nRG" + CIRCLE),
    "a null for a blank": page(b"1 0 0\0RG" + CIRCLE),
    "no blank before": page(b"[1 0]0 d 1 0 0 RG/F1" + CIRCLE),
    "in two streams": {
        3: (PAGE % b"7 0 R").replace(b"/Contents 4 0 R", b"/Contents[4 0 R 40 0 R]"),
        4: stream(b"1 0 0"),
        40: stream(b"RG" + CIRCLE),
    },
    "an indexed colour": spaced(b"[/Indexed/DeviceRGB 1 <FFFFFFFF0000>]", b"/Cs CS 1 SC"),
    "a colour of its own name": spaced(b"[/Separation/Red/DeviceRGB %s]" % TINT, b"/Cs CS 1 SCN"),
    "a named space": page(b"/DeviceRGB CS 1 0 0 SC" + CIRCLE),
    "magenta and yellow": page(b"0 1 1 0 K" + CIRCLE),
    "an annotation without a look": annotated(b"/Subtype/Square"),
    "the two thousandth annotation": {
        **stamped(),
        3: stamped()[3].replace(b"7 0 R 40 0 R", b"7 0 R " * 2_001 + b"40 0 R"),
    },
}


@pytest.mark.parametrize("name", HIDDEN_REDS)
def test_however_red_is_said_the_seal_is_told(name: str) -> None:
    assert check(document(HIDDEN_REDS[name])) == (Outcome.WARNING, "found")


PLAIN = {
    "black text": BASE[4],
    "greys, blues and greens": stream(
        b"0 g .5 G 0 0 0 rg 0.2 0.2 0.2 RG 0 0 1 rg 0 .5 0 RG 0 0 0 1 k 1 .5 0 0 K 0 0 9 9 re f"
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_page_is_not_drawn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "ask", None)
    assert check(signed(document({4: PLAIN[name]}))) == (Outcome.OK, "none")


def can_show_red(data: bytes, **limits: int) -> bool:
    revision = Revision(PdfBytes(data), len(data))
    return RedSearch(revision, **limits).can_show_red(revision.dictionary(Ref(3, 0)), signed=())


def test_a_page_of_millions_of_colours_is_drawn_and_not_looked_through() -> None:
    """95 MB of them took minutes."""
    many = document({4: stream(b"0 g 0 0 0 rg " * 500)})
    assert not can_show_red(many)
    assert can_show_red(many, size=1_000)
    assert can_show_red(many, colours=400)


def widget(entries: bytes, **how: Any) -> bytes:  # noqa: ANN401 - whatever Sign takes
    """A page with a pasted seal, signed by CMS in a field of such entries."""
    changes = pasted(seal_png())
    own = {3: changes[3].replace(b"7 0 R", b"7 0 R 20 0 R")}
    return signed(document(changes), Sign(widget=entries, more=own, **how))


BESIDE = {
    "a place without a look": widget(b"/Rect[295 195 424 324]"),
    "a hidden place": widget(b"/Rect[0 0 595 842]", flags=2),
    "a seal's place without a look": widget(b"/Rect[0 0 595 842]", sub_filter=b"GM.sm2seal"),
    "a look of nothing": widget(
        b"/Rect[295 195 424 324]/AP<</N 50 0 R>>",
        sub_filter=b"GM.sm2seal",
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_place_of_a_signature_hides_no_picture_of_the_page(name: str) -> None:
    assert check(BESIDE[name]) == (Outcome.WARNING, "found")


def worn(
    side: int,
    look: bytes = b"/AP<</N 50 0 R>>",
    content: bytes = b"q 119 0 0 119 0 0 cm /Im Do Q",
    **how: Any,  # noqa: ANN401 - whatever Sign takes
) -> bytes:
    """A signature on a place of so many points, which shows a seal of 42 mm or other content."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 %d %d]" % (side, side)
    if b"/Im" in content:
        form += b"/Resources<</XObject<</Im 30 0 R>>>>"
    place = b"/Rect[300 200 %d %d]" % (300 + side, 200 + side)
    more = {50: stream(content, form), **image(seal_png())}
    return signed(document({4: BASE[4]}), Sign(widget=place + look, more=more, **how))


STATES = b"/AP<</N<</On 50 0 R>>>>/AS/On"
AT_HOME = b"1 0 0 1 -300 -100 cm "
WORN = {
    "as large as a seal": worn(119),
    "on a larger place": worn(200),
    "by a state": worn(119, STATES),
    "by a state, on a larger place": worn(200, STATES),
    "drawn with lines": worn(130, content=AT_HOME + b"1 0 0 RG" + CIRCLE),
}


def test_a_look_of_another_colour_is_no_seal() -> None:
    """The mark that pyHanko puts behind its text is purple."""
    purple = AT_HOME + b"0.62 0.36 0.55 RG" + CIRCLE
    assert check(worn(130, content=purple)) == (Outcome.OK, "none")


@pytest.mark.parametrize("name", WORN)
def test_a_signature_that_is_no_seal_and_shows_one_is_told(name: str) -> None:
    told = report(WORN[name]).step("unsigned-seal-picture")
    assert (told.outcome, told.code, told.detail) == (Outcome.WARNING, "not-a-seal", "Sig1")


def test_what_a_seal_shows_on_a_larger_place_is_its_own() -> None:
    assert check(worn(200, sub_filter=b"GM.sm2seal")) == (Outcome.OK, "none")
