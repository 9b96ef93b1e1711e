"""Forms that are filled in after signing, as common programs write them; and as nobody may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.pdf_files import FIELD, ROOT, document, signed, stream, updated

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUST = trusting(ROOT)
TALL = b"[50 500 250 580]"
HAN = "鄂尔多斯市康巴什区"
SONG = (
    b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light-UniGB-UTF16-H/Encoding/UniGB-UTF16-H"
    b"/DescendantFonts[<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/DW 1000/W[1 95 500]"
    b"/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>/FontDescriptor 41 0 R>>]>>"
)
DESCRIPTOR = (
    b"<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[-25 -254 1000 880]"
    b"/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880/StemV 93>>"
)
HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def utf16(text: str) -> bytes:
    return text.encode("utf-16-be").hex().upper().encode()


def value(text: str) -> bytes:
    """A text string as a value: its bytes between parentheses, escaped."""
    written = b"\xfe\xff" + text.encode("utf-16-be")
    return b"".join(b"\\%03o" % one for one in written)


def outcome(
    content: bytes,
    text: str,
    *,
    font: bytes = SONG,
    descriptor: bytes = DESCRIPTOR,
    more: Mapping[int, bytes] | None = None,
) -> Outcome:
    """Fill in the field, and give what is said of that."""
    field = (FIELD % (b"%s", 8)).replace(b"[50 500 250 520]", TALL).replace(b"N 8", b"N %d")
    empty = stream(b"", b"/Type/XObject/Subtype/Form/BBox[0 0 200 80]")
    data = signed(document({7: field % (b"", 8), 8: empty}))
    fonts = b"/Resources<</Font<</S %s/H %s>>>>" % (font, HELVETICA)
    look = stream(content, b"/Type/XObject/Subtype/Form/BBox[0 0 200 80]" + fonts)
    changed = {7: field % (value(text), 30), 30: look, 41: descriptor, **(more or {})}
    report = check_pdf(updated(data, changed), trust=TRUST, at=NOW)
    return report.signatures[0].step("later-changes").outcome


LATIN = "Ordos City, Kangbashi District 100"
HONEST: Mapping[str, tuple[bytes, str]] = {
    "one line": (b"/Tx BMC q BT 0 g /H 12 Tf 2 4 Td (Ordos 100) Tj ET Q EMC", "Ordos 100"),
    "with a clip (PDFBox)": (
        b"/Tx BMC\nq\n1 1 198 78 re\nW\nn\nBT\n/H 12 Tf\n0 g\n2 60 Td\n(Ordos 100) Tj\nET\nQ\nEMC",
        "Ordos 100",
    ),
    "with a matrix (pdf-lib)": (
        b"/Tx BMC q BT 0 0 0 rg /H 12 Tf 14 TL 1 0 0 1 4 60 Tm <4F72646F7320313030> Tj T* ET Q EMC",
        "Ordos 100",
    ),
    "kerned": (b"BT /H 12 Tf 2 4 Td [(Or) -20 (dos 1) 15 (00)] TJ ET", "Ordos 100"),
    "several lines": (
        b"BT /H 12 Tf 14 TL 2 60 Td (Ordos City,) Tj T* (Kangbashi District) Tj T* (100) Tj ET",
        LATIN,
    ),
    "lines of its own": (b"BT /H 12 Tf 2 60 Td (one) Tj 0 -14 Td (two) Tj ET", "one\r\ntwo"),
    "Chinese (Acrobat, iText)": (
        b"/Tx BMC q BT 0 g /S 12 Tf 2 60 Td <%s> Tj ET Q EMC" % utf16(HAN),
        HAN,
    ),
    "Chinese in two lines": (
        b"BT /S 12 Tf 2 60 Td <%s> Tj 0 -14 Td <%s> Tj ET" % (utf16(HAN[:5]), utf16(HAN[5:])),
        HAN,
    ),
    "Chinese and Latin in one line": (
        b"BT /S 12 Tf 2 60 Td <%s> Tj /H 12 Tf (100) Tj /S 12 Tf <%s> Tj ET"
        % (utf16("\u4eba\u6c11\u5e01"), utf16("\u5143")),
        "\u4eba\u6c11\u5e01100\u5143",
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_shows_just_the_value_is_filled_in(name: str) -> None:
    content, text = HONEST[name]
    assert outcome(content, text) is Outcome.OK


LYING: Mapping[str, tuple[bytes, str]] = {
    "another text": (b"BT /H 12 Tf 2 4 Td (900) Tj ET", "100"),
    "another Chinese text": (b"BT /S 12 Tf 2 60 Td <%s> Tj ET" % utf16(HAN[::-1]), HAN),
    "one line more": (b"BT /H 12 Tf 14 TL 2 60 Td (100) Tj T* (900) Tj ET", "100"),
    "one line less": (b"BT /H 12 Tf 2 60 Td (one) Tj ET", "one two"),
}


@pytest.mark.parametrize("name", LYING)
def test_what_shows_something_else_is_a_forbidden_change(name: str) -> None:
    content, text = LYING[name]
    assert outcome(content, text) is Outcome.FAILED


ONE = b"BT /H 12 Tf 2 60 Td (100) Tj ET"
UNCERTAIN: Mapping[str, bytes] = {
    "a number in two lines": b"BT /H 12 Tf 14 TL 2 60 Td (10) Tj T* (0) Tj ET",
    "lines over each other": b"BT /H 12 Tf 2 60 Td (1) Tj 0 -1 Td (00) Tj ET",
    "lines from below": b"BT /H 12 Tf 2 20 Td (1) Tj 0 14 Td (00) Tj ET",
    "outside of the clip": b"0 0 20 20 re W n " + ONE,
    "a box that is painted": b"0 0 20 20 re f " + ONE,
    "a box that is left open": b"0 0 20 20 re " + ONE,
    "two clips": b"0 0 200 80 re W n 0 0 20 20 re W n " + ONE,
    "scaled": b"BT /H 12 Tf 9 0 0 9 2 60 Tm (100) Tj ET",
    "mirrored": b"BT /H 12 Tf -1 0 0 1 90 60 Tm (100) Tj ET",
    "moved": b"1 0 0 1 500 0 cm " + ONE,
    "invisible": b"BT 3 Tr /H 12 Tf 2 60 Td (100) Tj ET",
    "narrow": b"BT 1 Tz /H 12 Tf 2 60 Td (100) Tj ET",
    "raised": b"BT 99 Ts /H 12 Tf 2 60 Td (100) Tj ET",
    "spread": b"BT 99 Tc /H 12 Tf 2 60 Td (100) Tj ET",
    "white": b"BT 1 g /H 12 Tf 2 60 Td (100) Tj ET",
    "red": b"BT 1 0 0 rg /H 12 Tf 2 60 Td (100) Tj ET",
    "small": b"BT /H 1 Tf 2 60 Td (100) Tj ET",
    "large": b"BT /H 99 Tf 2 10 Td (100) Tj ET",
    "moved back over what it follows": (
        b"BT /H 12 Tf 9 60 Td [(100)" + b" 90" * 9 + b" (0)] TJ ET"
    ),
    "moved on step by step": b"BT /H 12 Tf 2 60 Td [(10)" + b" -90" * 9 + b" (0)] TJ ET",
    "moved on in several strings": b"BT /H 12 Tf 2 60 Td [(10) -90 ()] TJ [-90 (0)] TJ ET",
    "moved back before it begins": b"BT /H 12 Tf 2 60 Td [900 (100)] TJ ET",
    "pushed out of the clip": (
        b"0 0 23 80 re W n BT /H 12 Tf 2 60 Td [(1)" + b" -100(0)" * 2 + b"] TJ 0 0 0 rg ET"
    ),
    "pushed together": b"BT /H 12 Tf 2 60 Td [(1) 900 (00)] TJ ET",
    "too wide": b"BT /H 24 Tf 180 40 Td (100) Tj ET",
    "two texts": ONE + b" BT /H 12 Tf 2 20 Td (100) Tj ET",
    "something behind it": ONE + b" 0 0 200 80 re f",
    "an image": ONE + b" /I Do",
    "in a layer": b"/OC /L BDC " + ONE + b" EMC",
    "other letters to copy": b"/Span<</ActualText(900)>>BDC " + ONE + b" EMC",
    "no font": b"BT 2 60 Td (100) Tj ET",
    "a font that is not there": b"BT /X 12 Tf 2 60 Td (100) Tj ET",
    "broken": b"BT /H 12 Tf 2 60 Td (100 Tj ET",
    "without an end": b"BT /H 12 Tf 2 60 Td (100) Tj",
}


@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_cannot_be_certain_is_left_open(name: str) -> None:
    assert outcome(UNCERTAIN[name], "100") is Outcome.UNKNOWN


FONTS: Mapping[str, tuple[bytes, bytes]] = {
    "its own names for letters": (b"/DescendantFonts", b"/ToUnicode 42 0 R/DescendantFonts"),
    "an unknown name": (b"/BaseFont/STSong-Light/DW", b"/BaseFont/Wingdings/DW"),
    "glyphs by number": (b"/Encoding/UniGB-UTF16-H", b"/Encoding/Identity-H"),
    "another order of glyphs": (b"(GB1)", b"(Identity)"),
    "no room for letters": (b"/DW 1000", b"/DW 0"),
    "letters one over the other": (b"/W[1 95 500]", b"/W[1[500 0 500]]"),
    "Han characters half over each other": (b"/DW 1000", b"/DW 500"),
    "all letters over each other": (b"/W[1 95 500]", b"/W[0 65535 200]"),
    "digits over each other": (b"/W[1 95 500]", b"/W[17 26 300]"),
    "one Han character over the next": (b"/W[1 95 500]", b"/W[1000[400]]"),
    "a width that is none": (b"/W[1 95 500]", b"/W[1 95 true]"),
    "letters backwards": (b"/W[1 95 500]", b"/W[1 95 -900]"),
    "a table of glyphs": (b"/DW 1000", b"/DW 1000/CIDToGIDMap 42 0 R"),
    "no widths that end": (b"/W[1 95 500]", b"/W[1 95]"),
    "two fonts below": (b"/FontDescriptor 41 0 R>>]", b"/FontDescriptor 41 0 R>> 42 0 R]"),
    "a Type 3 font": (b"/Subtype/Type0", b"/Subtype/Type3"),
}


@pytest.mark.parametrize("name", FONTS)
def test_a_font_that_may_lie_leaves_it_open(name: str) -> None:
    content, text = HONEST["Chinese (Acrobat, iText)"]
    old, new = FONTS[name]
    assert old in SONG
    more = {42: stream(b"/CIDInit /ProcSet findresource begin end")}
    assert outcome(content, text, font=SONG.replace(old, new), more=more) is Outcome.UNKNOWN


COMMON = (
    "\uffe5100.00\uff08\u4eba\u6c11\u5e01\u58f9\u4f70\u5706\u6574\uff09"
    "\u3001\u300a\u5408\u540c\u300b 2 \u00d7 50\u00b0\u2014\u2014\u201c\u7532\u65b9\u201d"
)


def written(text: str) -> bytes:
    return b"BT /S 5 Tf 2 60 Td <%s> Tj ET" % utf16(text)


def test_letters_digits_and_marks_of_contracts_are_known() -> None:
    assert outcome(written(COMMON), COMMON) is Outcome.OK


@pytest.mark.parametrize(
    "text",
    [
        *("\u2588\u2588\u2588", "1\u03360\u0336", "\u2500\u2500", "\u25a0", "1\u20e3", "1\u0488"),
        *("\u05d0\u05d112", "12\u202e34\u202c", "1\u200b2", "12\ufeff", "1\u00ad2"),
        *("\ue000", "\U0001f600", "\ufdfd"),
    ],
)
def test_what_strikes_out_covers_or_is_drawn_elsewhere_is_left_open(text: str) -> None:
    assert outcome(written(text), text) is Outcome.UNKNOWN


PROPORTIONAL = b"/W[1[207 270 342 467 462 797 710 239 374 374 423 605 238 375 238 334] 17 26 462]"


def test_widths_as_programs_write_them_are_known() -> None:
    content, text = HONEST["Chinese and Latin in one line"]
    for widths in (PROPORTIONAL, b"/W[1 95 500 814 939 500]", b"/W[1[500 500]814[500]]"):
        font = SONG.replace(b"/W[1 95 500]", widths)
        assert outcome(content, text, font=font) is Outcome.OK


@pytest.mark.parametrize("key", [b"FontFile", b"FontFile2", b"FontFile3"])
def test_an_embedded_font_leaves_it_open_whatever_it_says_of_itself(key: bytes) -> None:
    """Its glyph for "1" may draw a nine; neither its cmap nor /ToUnicode would tell."""
    content, text = HONEST["Chinese (Acrobat, iText)"]
    embedded = DESCRIPTOR.replace(b"/Flags", b"/%s 42 0 R/Flags" % key)
    more = {42: stream(b"OTTO")}
    assert outcome(content, text, descriptor=embedded, more=more) is Outcome.UNKNOWN
