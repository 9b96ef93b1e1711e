"""A later signature may lie over the page, and may not hide what stands there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509.trust import TrustStore
from msb_seal.pdf import drawings
from msb_seal.pdf.verify import check_pdf
from msb_seal.pictures import RoundSeal, draw
from msb_seal.placement import At, Straddle
from msb_seal.seals.model import SealPicture
from tests.identity.authorities import NOW, trusting
from tests.seal import cms_world
from tests.seal.forging import stamping
from tests.seal.makers import world
from tests.seal.pdf_documents import plain
from tests.seal.pdf_files import (
    BASE,
    FORM,
    PAGE,
    ROOT,
    Sign,
    document,
    signed,
    stamp,
    stream,
    updated,
)
from tests.seal.pdf_sealing import sealed, signed_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.foundation.report import Report

TRUST = trusting(ROOT, stamping().root)
OVER = b"/Rect[60 690 300 730]/AP<</N 50 0 R>>"
"""Where BASE says "100 yuan"."""
BESIDE = b"/Rect[60 590 300 630]/AP<</N 50 0 R>>"
SECOND = Sign(field_number=40, name=b"Sig2", fields=b"7 0 R 20 0 R 40 0 R", widget=OVER)


def look(content: bytes, *, blend: bytes = b"Normal") -> Mapping[int, bytes]:
    state = b"/Resources<</ExtGState<</G<</BM/%s>>>>>>" % blend
    return {50: stream(b"/G gs " + content, b"/Type/XObject/Subtype/Form/BBox[0 0 240 40]" + state)}


BOX = b"rg 0 0 240 40 re f"
HIDING: Mapping[str, Mapping[int, bytes]] = {
    "a white box": look(b"1 1 1 " + BOX),
    "a red box": look(b"1 0 0 " + BOX),
    "a black box, multiplied": look(b"0 0 0 " + BOX, blend=b"Multiply"),
}


def report(first: bytes, how: Sign) -> Report:
    return check_pdf(signed(first, how), trust=TRUST, at=NOW)


def told(given: Report) -> tuple[Outcome, str]:
    step = given.signatures[0].step("later-changes")
    return step.outcome, step.detail


@pytest.mark.parametrize("name", HIDING)
def test_a_later_signature_that_hides_text_is_a_forbidden_change(name: str) -> None:
    found = report(signed(document()), replace(SECOND, more=HIDING[name]))
    assert told(found) == (Outcome.FAILED, "field Sig2: it hides what page 1 shows")
    assert found.verdict is Verdict.INVALID


HONEST: Mapping[str, tuple[bytes, Mapping[int, bytes]]] = {
    "a red box, multiplied": (OVER, look(b"0.9 0 0.07 " + BOX, blend=b"Multiply")),
    "lines around the text": (OVER, look(b"1 0 0 RG 1 1 238 38 re S")),
    "a box where nothing stands": (BESIDE, look(b"1 1 1 " + BOX)),
    "words where nothing stands": (BESIDE, look(b"0 g 9 9 60 9 re f")),
}


@pytest.mark.parametrize("name", HONEST)
def test_a_later_signature_that_leaves_the_text_legible_is_allowed(name: str) -> None:
    widget, more = HONEST[name]
    found = report(signed(document()), replace(SECOND, widget=widget, more=more))
    assert found.verdict is Verdict.VALID, found.as_text()


def test_what_hides_a_part_of_the_text_is_left_open() -> None:
    part = look(b"1 1 1 rg 10 8 12 16 re f")
    found = report(signed(document()), replace(SECOND, more=part))
    assert told(found)[0] is Outcome.UNKNOWN
    assert found.verdict is Verdict.INDETERMINATE


def test_a_signature_over_half_of_the_page_is_left_open() -> None:
    wide = look(b"1 0 0 RG 0 0 1 1 re S")
    found = report(
        signed(document()),
        replace(SECOND, widget=b"/Rect[0 0 595 600]/AP<</N 50 0 R>>", more=wide),
    )
    assert told(found) == (Outcome.UNKNOWN, "field Sig2: it covers too much of page 1")


WAITING = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Sig2)/F 132/P 3 0 R%s>>"


def prepared(place: bytes) -> bytes:
    """Signed, with an empty field for another signature that was there before."""
    fields = b"7 0 R 40 0 R"
    data = document({3: PAGE % fields, 5: FORM % fields, 40: WAITING % place})
    return signed(data, Sign(fields=b"7 0 R 40 0 R 20 0 R"))


@pytest.mark.parametrize(
    ("place", "name", "expected"),
    [
        (b"/Rect[60 690 300 730]", "a white box", Verdict.INDETERMINATE),
        (b"/Rect[60 690 300 730]", "a red box, multiplied", Verdict.VALID),
        (b"/Rect[60 590 300 630]", "a white box", Verdict.VALID),
        (b"/Rect[0 0 595 842]", "a line", Verdict.INDETERMINATE),
    ],
)
def test_the_first_look_of_a_field_that_was_there_is_new(
    place: bytes, name: str, expected: Verdict
) -> None:
    """Who signed before saw an empty field, and nothing of what it would hide."""
    looks = {
        **HIDING,
        "a red box, multiplied": look(b"0.9 0 0.07 " + BOX, blend=b"Multiply"),
        "a line": look(b"1 0 0 RG 0 0 1 1 re S"),
    }
    widget = place + b"/AP<</N 50 0 R>>"
    how = replace(SECOND, fields=b"7 0 R 40 0 R 20 0 R", widget=widget, more=looks[name])
    found = report(prepared(place), how)
    assert found.verdict is expected, found.as_text()
    assert told(found)[0] is not Outcome.FAILED


@pytest.mark.parametrize("between", [b"Sig", b"DocTimeStamp"])
def test_a_field_hides_nothing_of_what_was_signed_before_it_was_added(between: bytes) -> None:
    """Added empty over the text, there when the next one signs, and then signed with a box."""
    three, four = b"7 0 R 20 0 R 40 0 R", b"7 0 R 20 0 R 40 0 R 60 0 R"
    empty = {3: PAGE % three, 5: FORM % three, 40: WAITING % b"/Rect[60 690 300 730]"}
    data = updated(signed(document()), empty)
    stamping_it = between == b"DocTimeStamp"
    middle = Sign(
        field_number=60,
        name=b"Between",
        fields=four,
        kind=between,
        sub_filter=b"ETSI.RFC3161" if stamping_it else b"ETSI.CAdES.detached",
        make=stamp().stamp if stamping_it else None,
    )
    last = replace(SECOND, fields=four, more=HIDING["a white box"])
    found = check_pdf(signed(signed(data, middle), last), trust=TRUST, at=NOW)
    assert told(found)[0] is Outcome.FAILED, found.as_text()
    assert found.signatures[1].step("later-changes").outcome is Outcome.UNKNOWN


def test_several_signatures_hide_no_more_together_than_one_may() -> None:
    """Each leaves some contrast of what the one before it left."""
    data = signed(document())
    fields = b"7 0 R 20 0 R"
    for number, alpha in ((30, b".6"), (34, b".6"), (38, b".6"), (42, b".9")):
        fields += b" %d 0 R" % number
        state = b"/Resources<</ExtGState<</G<</ca %s>>>>>>" % alpha
        veil = stream(b"/G gs 1 1 1 " + BOX, b"/Type/XObject/Subtype/Form/BBox[0 0 240 40]" + state)
        how = Sign(
            field_number=number,
            name=b"S%d" % number,
            fields=fields,
            widget=b"/Rect[60 690 300 730]/AP<</N %d 0 R>>" % (number + 2),
            more={number + 2: veil},
        )
        data = signed(data, how)
    found = check_pdf(data, trust=TRUST, at=NOW)
    assert told(found)[0] is Outcome.FAILED, found.as_text()


LIGHT = {"grey": b".78 g", "cyan": b".3 1 1 rg", "yellow": b"1 1 0 rg"}


@pytest.mark.parametrize("color", LIGHT)
def test_light_text_is_not_hidden_either(color: str) -> None:
    text = stream(b"BT %s /F1 18 Tf 72 700 Td (100 yuan) Tj ET" % LIGHT[color])
    found = report(signed(document({4: text})), replace(SECOND, more=HIDING["a white box"]))
    assert told(found)[0] is Outcome.FAILED, found.as_text()


@pytest.mark.parametrize("color", [b"0 0 0", b"1 1 1", b"1 0 0"])
def test_what_an_earlier_seal_stands_on_is_not_hidden_by_a_later_one(color: bytes) -> None:
    first = signed(
        document(),
        Sign(
            widget=b"/Rect[60 690 300 730]/AP<</N 24 0 R>>",
            more={24: look(b"1 0 0 RG 3 w 4 4 232 32 re S", blend=b"Multiply")[50]},
        ),
    )
    found = report(first, replace(SECOND, more=look(color + b" " + BOX)))
    assert told(found)[0] is not Outcome.OK, found.as_text()
    assert found.verdict is not Verdict.VALID


def test_an_appearance_put_over_the_page_before_it_is_signed_hides_all_the_same() -> None:
    """In two updates: the field with its look first, its signature afterwards."""
    fields = b"7 0 R 20 0 R 40 0 R"
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Sig2)/F 132/P 3 0 R%s>>" % OVER
    objects = {3: PAGE % fields, 5: FORM % fields, 40: field, **HIDING["a white box"]}
    found = report(updated(signed(document()), objects), replace(SECOND, more={4: BASE[4]}))
    assert told(found)[0] is Outcome.FAILED


def test_what_cannot_be_drawn_in_time_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "MAX_SECONDS", 0)
    found = report(signed(document()), replace(SECOND, more=HIDING["a white box"]))
    outcome, detail = told(found)
    assert (outcome, "cannot be drawn" in detail) == (Outcome.UNKNOWN, True)
    assert found.verdict is Verdict.INDETERMINATE


INNER = b"/Rect[60 590 300 630]/AP<</N 50 0 R>>"
LAYERED = b"/Resources<</XObject<</X 51 0 R>>>>"
SMALL = look(b"0 g 9 9 9 9 re f")
TO_SOME: Mapping[str, Sign] = {
    "on paper only": replace(SECOND, widget=INNER, flags=36, more=SMALL),
    "hidden": replace(SECOND, widget=INNER, flags=2, more=SMALL),
    "upright on a turned page": replace(SECOND, widget=INNER, flags=20, more=SMALL),
    "as large on every screen": replace(SECOND, widget=INNER, flags=12, more=SMALL),
    "in a layer": replace(SECOND, widget=INNER + b"/OC<</Type/OCG/Name(x)>>", more=SMALL),
    "in a layer within": replace(
        SECOND,
        widget=INNER,
        more={
            50: stream(b"/X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 240 40]" + LAYERED),
            51: stream(b"", b"/Subtype/Form/BBox[0 0 9 9]/OC<</Type/OCG/Name(x)>>"),
        },
    ),
    "under the mouse": replace(
        SECOND, widget=INNER.replace(b"/N 50 0 R", b"/N 50 0 R/R 50 0 R"), more=SMALL
    ),
    "in several looks": replace(
        SECOND, widget=INNER.replace(b"/N 50 0 R", b"/N<</A 50 0 R/B 50 0 R>>"), more=SMALL
    ),
}


@pytest.mark.parametrize("name", TO_SOME)
def test_a_signature_that_shows_itself_to_some_readers_only_is_left_open(name: str) -> None:
    found = report(signed(document()), TO_SOME[name])
    assert told(found)[0] is Outcome.UNKNOWN, found.as_text()
    assert found.verdict is Verdict.INDETERMINATE


def round_seal(name: str) -> SealPicture:
    return SealPicture("PNG", draw(RoundSeal(name)).png(dpi=150), 42, 42)


@pytest.mark.parametrize("places", [[At(1, 85, 180)], [Straddle(), At(1, 85, 180)]])
def test_seals_of_two_offices_over_the_same_words_are_valid(places: list[At | Straddle]) -> None:
    one = sealed(plain(3), places=places, picture=round_seal("鄂尔多斯市政务服务局"))
    both = signed_with(
        KeyKind.P256, one, places=places, picture=round_seal("鄂尔多斯市康巴什区教育局")
    )
    trust = TrustStore((*world(KeyKind.SM2).trust.anchors, *cms_world.TRUST.anchors))
    found = check_pdf(both, trust=trust, at=NOW)
    assert found.verdict is Verdict.VALID, found.as_text()
    assert len(found.signatures) == 2
