"""What is filled in after signing hides nothing, bares nothing, and is read as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.pdf_files import (
    FIELD,
    FONT,
    FORM,
    PAGE,
    ROOT,
    Sign,
    document,
    look,
    signed,
    stream,
    updated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.foundation.report import Report

TRUST = trusting(ROOT)
FORM_HEAD = b"/Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</F1 6 0 R>>>>"
FILLED = {7: FIELD % (b"12", 30), 30: look(b"12")}


def check(data: bytes) -> tuple[Outcome, Report]:
    report = check_pdf(data, trust=TRUST, at=NOW)
    return report.signatures[0].step("later-changes").outcome, report


def field_look(content: bytes) -> bytes:
    return stream(content, FORM_HEAD)


def page(content: bytes) -> Mapping[int, bytes]:
    return {4: stream(content)}


UNDER: Mapping[str, tuple[bytes, Outcome]] = {
    "text": (b"BT /F1 12 Tf 52 504 Td (pay 100 yuan) Tj ET", Outcome.UNKNOWN),
    "a point": (b"60 506 2 2 re f", Outcome.UNKNOWN),
    "light text": (b"BT 1 1 0 rg /F1 12 Tf 52 504 Td (pay 100 yuan) Tj ET", Outcome.UNKNOWN),
    "black": (b"0 g 40 490 300 50 re f", Outcome.UNKNOWN),
    "a line to write on": (b"0.5 w 50 502 m 250 502 l S", Outcome.OK),
    "a frame": (b"0.5 w 50 500 200 20 re S", Outcome.OK),
    "a light ground": (b".8 .9 1 rg 40 490 300 50 re f", Outcome.OK),
    "text beside it": (b"BT /F1 12 Tf 102 504 Td (yuan) Tj ET", Outcome.OK),
}


@pytest.mark.parametrize("name", UNDER)
def test_what_is_filled_in_stands_on_bare_paper(name: str) -> None:
    content, expected = UNDER[name]
    outcome, report = check(updated(signed(document(page(content))), FILLED))
    assert outcome is expected, report.as_text()


OLD: Mapping[str, tuple[bytes, bytes, Outcome]] = {
    "nothing": (b"", b"", Outcome.OK),
    "no text": (b"", b"/Tx BMC q Q EMC", Outcome.OK),
    "its value": (b"100", b"BT /F1 12 Tf 2 4 Td (100) Tj ET", Outcome.OK),
    "a white ground over the page": (b"", b"1 1 1 rg 0 0 200 20 re f", Outcome.UNKNOWN),
    "a white ground and its value": (
        b"100",
        b"1 1 1 rg 0 0 200 20 re f 0 g BT /F1 12 Tf 2 4 Td (100) Tj ET",
        Outcome.UNKNOWN,
    ),
    "more than its value": (
        b"100",
        b"BT /F1 12 Tf 2 4 Td (100 without tax) Tj ET",
        Outcome.UNKNOWN,
    ),
    "text and no value": (b"", b"BT /F1 12 Tf 2 4 Td (without tax) Tj ET", Outcome.UNKNOWN),
}


@pytest.mark.parametrize("name", OLD)
def test_a_look_that_showed_or_hid_more_than_its_value_is_not_filled_over(name: str) -> None:
    value, content, expected = OLD[name]
    first = signed(document({7: FIELD % (value, 8), 8: field_look(content)}))
    outcome, report = check(updated(first, FILLED))
    assert outcome is expected, report.as_text()


NO_LOOK = (FIELD % (b"%s", 8)).replace(b"/AP<</N 8 0 R>>", b"%s")
BARE: Mapping[str, tuple[bytes, Outcome]] = {
    "": (b"", Outcome.OK),
    "a ground": (b"/MK<</BG[1 1 1]>>", Outcome.UNKNOWN),
    "a border": (b"/BS<</W 2>>", Outcome.UNKNOWN),
}


@pytest.mark.parametrize("name", BARE)
def test_a_field_without_a_look_may_get_one_where_readers_drew_nothing(name: str) -> None:
    entries, expected = BARE[name]
    first = signed(document({7: NO_LOOK % (b"", entries)}))
    filled = {7: NO_LOOK % (b"12", entries + b"/AP<</N 30 0 R>>"), 30: look(b"12")}
    outcome, report = check(updated(first, filled))
    assert outcome is expected, report.as_text()


def test_a_field_may_be_filled_in_and_cleared_again() -> None:
    for objects in (FILLED, {7: FIELD % (b"", 30), 30: look(b"")}):
        first = signed(updated(document(), FILLED))
        outcome, report = check(updated(first, objects))
        assert outcome is Outcome.OK, report.as_text()


def test_two_fields_do_not_write_one_number_over_each_other() -> None:
    both = b"7 0 R 9 0 R"
    second = (FIELD % (b"%s", 8)).replace(b"(name)", b"(more)").replace(b"N 8", b"N %d")
    base = {3: PAGE % both, 5: FORM % both, 9: second % (b"", 8)}
    first = signed(document(base), Sign(fields=both + b" 20 0 R"))
    for across, expected in ((4, Outcome.UNKNOWN), (90, Outcome.OK)):
        new = field_look(b"BT /F1 12 Tf %d 4 Td (7) Tj ET" % across)
        outcome, report = check(updated(first, {**FILLED, 9: second % (b"7", 31), 31: new}))
        assert outcome is expected, report.as_text()


BOX = (
    b"<</Type/Annot/Subtype/Widget/FT/Btn/T(agree)/Rect[%s]/F 4/P 3 0 R"
    b"/AP<</N<</Yes 8 0 R/Off 9 0 R>>>>/V/%s/AS/%s>>"
)
SMALL, LARGE = b"50 700 66 716", b"50 600 450 760"
SIGNS = FONT.replace(b"Helvetica/Encoding/WinAnsiEncoding", b"ZapfDingbats")
TICK = b"q 0 0 1 RG 2 w 3 8 m 7 3 l 13 13 l S Q"
EMPTY = b"/Tx BMC EMC"
MARKS: Mapping[str, tuple[bytes, bytes, bytes, Outcome]] = {
    "lines": (SMALL, TICK, EMPTY, Outcome.OK),
    "a sign": (SMALL, b"q BT /Z 12 Tf 2 2 Td (4) Tj ET Q", EMPTY, Outcome.OK),
    "a box that is drawn": (
        SMALL,
        b"1 g 0 0 16 16 re f 0 G .5 .5 15 15 re S " + TICK,
        b"1 g 0 0 16 16 re f 0 G .5 .5 15 15 re S",
        Outcome.OK,
    ),
    "a large one": (LARGE, TICK, EMPTY, Outcome.UNKNOWN),
    "a letter": (SMALL, b"BT /F1 12 Tf 2 2 Td (9) Tj ET", EMPTY, Outcome.UNKNOWN),
    "a letter that goes": (SMALL, TICK, b"BT /F1 12 Tf 2 2 Td (9) Tj ET", Outcome.UNKNOWN),
    "two signs": (SMALL, b"BT /Z 9 Tf 2 2 Td (44) Tj ET", EMPTY, Outcome.UNKNOWN),
    "a sign that is a number": (SMALL, b"BT /Z 9 Tf 2 2 Td (\\300) Tj ET", EMPTY, Outcome.UNKNOWN),
    "a font that only has the name": (
        SMALL,
        b"BT /E 12 Tf 2 2 Td (4) Tj ET",
        EMPTY,
        Outcome.UNKNOWN,
    ),
    "an image": (SMALL, b"q /I Do Q", EMPTY, Outcome.UNKNOWN),
    "many lines": (SMALL, b"1 1 m 2 2 l S " * 40, EMPTY, Outcome.UNKNOWN),
}


def boxed(place: bytes, on: bytes, off: bytes, state: bytes) -> Mapping[int, bytes]:
    fonts = b"/F1 6 0 R/Z 60 0 R/E 61 0 R"
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 16 16]/Resources<</Font<<%s>>>>" % fonts
    return {
        7: BOX % (place, state, state),
        8: stream(on, form),
        9: stream(off, form),
        60: SIGNS,
        61: SIGNS.replace(b"/BaseFont", b"/FontDescriptor 62 0 R/BaseFont"),
    }


def ticked(place: bytes, on: bytes, off: bytes, under: bytes = b"") -> tuple[Outcome, Report]:
    first = signed(document({**boxed(place, on, off, b"Off"), 4: stream(under)}))
    return check(updated(first, {7: boxed(place, on, off, b"Yes")[7]}))


@pytest.mark.parametrize("name", MARKS)
def test_a_box_is_ticked_by_a_mark_as_small_as_a_tick(name: str) -> None:
    place, on, off, expected = MARKS[name]
    outcome, report = ticked(place, on, off)
    assert outcome is expected, report.as_text()


WHITE = b"1 g 0 0 16 16 re f"
NOT = b"BT /F1 12 Tf 54 703 Td (un) Tj ET"
SWAPPED: Mapping[str, tuple[bytes, bytes, bytes, Outcome]] = {
    "a word that the tick hides": (WHITE, EMPTY, NOT, Outcome.UNKNOWN),
    "a word that the tick bares": (EMPTY, WHITE, NOT, Outcome.UNKNOWN),
    "a word under it": (TICK, EMPTY, NOT, Outcome.UNKNOWN),
    "a point that the tick bares": (EMPTY, WHITE, b"51 701 2 2 re f", Outcome.UNKNOWN),
    "a printed box": (TICK, EMPTY, b"0.7 w 51 701 14 14 re S", Outcome.OK),
}


@pytest.mark.parametrize("name", SWAPPED)
def test_a_tick_hides_and_bares_nothing_of_the_page(name: str) -> None:
    on, off, under, expected = SWAPPED[name]
    outcome, report = ticked(SMALL, on, off, under)
    assert outcome is expected, report.as_text()
