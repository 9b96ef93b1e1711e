"""Whatever a page lists and readers draw is held against what was signed, by whatever name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.forging import stamping
from tests.seal.pdf_files import FORM, PAGE, ROOT, Sign, document, signed, stamp, stream, updated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.foundation.report import Report

TRUST = trusting(ROOT, stamping().root)
THREE = b"7 0 R 20 0 R 40 0 R"
WHITE = stream(b"1 1 1 rg 0 0 240 40 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 240 40]")
KID = b"<</Type/Annot/Subtype/Widget/Parent %d 0 R/Rect[0 0 0 0]/F 132/P 3 0 R>>"
OVER = b"/Rect[60 690 300 730]"
"""Where the page says "100 yuan"."""


def first_changes(data: bytes) -> tuple[Outcome, Report]:
    report = check_pdf(data, trust=TRUST, at=NOW)
    return report.signatures[0].step("later-changes").outcome, report


BESIDE = Sign(
    field_number=40,
    name=b"Sig2",
    fields=THREE,
    widget=OVER + b"/Kids[42 0 R]/AP<</N 43 0 R>>",
    more={42: KID % 40, 43: WHITE},
)
WITH_KIDS: Mapping[str, Sign] = {
    "a signature": BESIDE,
    "a time-stamp": replace(
        BESIDE, kind=b"DocTimeStamp", sub_filter=b"ETSI.RFC3161", make=stamp().stamp
    ),
    "a signature without a look": replace(
        BESIDE, widget=OVER + b"/Kids[42 0 R]", more={42: KID % 40}
    ),
}


@pytest.mark.parametrize("name", WITH_KIDS)
def test_a_new_field_is_not_drawn_beside_its_widgets(name: str) -> None:
    outcome, report = first_changes(signed(signed(document()), WITH_KIDS[name]))
    assert outcome is Outcome.FAILED, report.as_text()
    assert report.verdict is Verdict.INVALID


def test_a_new_signature_may_have_its_widget_as_a_kid() -> None:
    data = signed(signed(document()), replace(BESIDE, widget=b"/Kids[42 0 R]", as_widget=False))
    _, report = first_changes(data)
    assert report.verdict is Verdict.VALID, report.as_text()


TEXT = (
    b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(%s)/Rect[60 690 300 730]/F 4/P 3 0 R"
    b"/Kids[41 0 R]/AP<</N 8 0 R>>>>"
)


def shown(text: bytes) -> bytes:
    head = b"/Type/XObject/Subtype/Form/BBox[0 0 240 40]/Resources<</Font<</F1 6 0 R>>>>"
    return stream(b"BT /F1 18 Tf 12 10 Td (%s) Tj ET" % text, head)


PREPARED = {7: TEXT % b"200", 8: shown(b"200"), 41: KID % 7}
REPLACED: Mapping[str, Mapping[int, bytes]] = {
    "its look": {8: shown(b"900000")},
    "its look and its value": {7: TEXT % b"900000", 8: shown(b"900000")},
    "the value of its kid": {41: (KID % 7).replace(b"/Rect", b"/V(9)/Rect")},
}


@pytest.mark.parametrize("name", REPLACED)
def test_a_field_that_is_drawn_beside_its_widgets_stays_as_it_was_signed(name: str) -> None:
    data = signed(document(PREPARED))
    assert first_changes(data)[1].verdict is Verdict.VALID
    outcome, report = first_changes(updated(data, REPLACED[name]))
    assert outcome is Outcome.FAILED, report.as_text()


KINDS = (
    *(b"Text", b"Square", b"Stamp", b"Highlight", b"FreeText", b"Caret", b"FileAttachment"),
    *(b"Line", b"Circle", b"Redact", b"Popup", b"Link", b"Sound", b"Movie", b"Watermark", b"Ink"),
    b"",
)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_signature_field_is_no_annotation_of_another_kind(kind: bytes) -> None:
    subtype = b"/Subtype/" + kind if kind else b""
    field = b"<</Type/Annot%s/FT/Sig/T(e)%s/F 4/P 3 0 R>>" % (subtype, OVER)
    objects = {3: PAGE % THREE, 5: FORM % THREE, 40: field}
    outcome, report = first_changes(updated(signed(document()), objects))
    assert outcome is Outcome.FAILED, report.as_text()


def test_a_signature_is_shown_by_a_widget_and_no_stamp() -> None:
    how = replace(BESIDE, widget=OVER + b"/Subtype/Stamp", as_widget=False)
    outcome, report = first_changes(signed(signed(document()), how))
    assert outcome is Outcome.FAILED, report.as_text()


def test_a_signature_may_have_nothing_to_show_at_all() -> None:
    data = signed(signed(document()), replace(BESIDE, widget=b"", as_widget=False, more={}))
    _, report = first_changes(data)
    assert report.verdict is Verdict.VALID, report.as_text()


@pytest.mark.parametrize("place", [b"/Rect[60 690 300 730 0]", b"/Rect[60 690 300]", b""])
def test_a_signature_is_shown_in_a_place_that_all_readers_take_alike(place: bytes) -> None:
    how = replace(BESIDE, widget=place + b"/AP<</N 43 0 R>>")
    outcome, report = first_changes(signed(signed(document()), how))
    assert outcome is Outcome.FAILED, report.as_text()


def straddle(value: bytes) -> Sign:
    """A signature whose widget, as a kid, has the value too: some readers look only there."""
    kid = b"<</Type/Annot/Subtype/Widget/Parent 40 0 R/Rect[0 0 0 0]/F 132/P 3 0 R%s>>" % value
    return replace(BESIDE, widget=b"/Kids[42 0 R]", as_widget=False, more={42: kid})


def test_the_widgets_of_a_signature_have_its_value_or_none() -> None:
    first = signed(document())
    for value in (b"", b"/V 41 0 R"):
        report = first_changes(signed(first, straddle(value)))[1]
        assert report.verdict is Verdict.VALID, report.as_text()
    outcome, report = first_changes(signed(first, straddle(b"/V 21 0 R")))
    assert outcome is Outcome.FAILED, report.as_text()


@pytest.mark.parametrize("value", [b"", b"/V 30 0 R"])
def test_the_value_of_a_signatures_widget_is_not_exchanged(value: bytes) -> None:
    data = signed(signed(document()), straddle(b"/V 41 0 R"))
    report = check_pdf(updated(data, straddle(value).more), trust=TRUST, at=NOW)
    assert report.signatures[1].step("later-changes").outcome is Outcome.FAILED, report.as_text()


def test_a_field_of_one_page_is_not_shown_on_another_when_it_is_signed() -> None:
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Sig2)%s/F 132/P 60 0 R>>" % OVER
    pages = {
        2: b"<</Type/Pages/Kids[3 0 R 60 0 R]/Count 2>>",
        5: FORM % b"7 0 R 40 0 R",
        40: field,
        60: PAGE % b"40 0 R",
    }
    first = signed(document(pages), Sign(fields=b"7 0 R 20 0 R", more={5: FORM % THREE}))
    how = Sign(
        field_number=40,
        name=b"Sig2",
        fields=b"7 0 R 20 0 R 40 0 R",
        widget=OVER + b"/AP<</N 43 0 R>>",
        more={43: WHITE},
    )
    outcome, report = first_changes(signed(first, how))
    assert outcome is Outcome.FAILED, report.as_text()
