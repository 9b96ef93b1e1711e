"""What may follow a signature of a PDF and what may not, on files made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Report, Verdict
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.forging import stamping
from tests.seal.pdf_files import (
    BASE,
    CATALOG,
    FIELD,
    FONT,
    FORM,
    PAGE,
    ROOT,
    Sign,
    document,
    look,
    signed,
    stamp,
    stream,
    updated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUST = trusting(ROOT, stamping().root)
BOTH = b"7 0 R 20 0 R"
SQUARE = b"<</Type/Annot/Subtype/Square/Rect[60 690 300 730]/AP<</N 31 0 R>>>>"
COVER = stream(b"1 1 1 rg 0 0 240 40 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 240 40]")
SIGNATURE_FIELD = (
    b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Sig1)/V 21 0 R/F 132/P 3 0 R/Rect[0 0 0 0]%s>>"
)
EVIL_FONT = (
    b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica"
    b"/Encoding<</Type/Encoding/Differences[49/nine]>>>>"
)


def check(data: bytes) -> Report:
    return check_pdf(data, trust=TRUST, at=NOW)


def outcome(report: Report, index: int = 0) -> tuple[Outcome, str]:
    step = report.signatures[index].step("later-changes")
    return step.outcome, step.code


def outcome_of_first(report: Report) -> tuple[Outcome, str]:
    names = [one.disclosed.get("field") for one in report.signatures]
    return outcome(report, names.index("Sig1"))


def with_catalog(more: bytes) -> Mapping[int, bytes]:
    return {1: CATALOG % more}


FORBIDDEN: Mapping[str, Mapping[int, bytes]] = {
    "the page's text": {4: stream(b"BT /F1 18 Tf 72 700 Td (900 yuan) Tj ET")},
    "more content on the page": {
        3: (PAGE % BOTH).replace(b"/Contents 4 0 R", b"/Contents[4 0 R 30 0 R]"),
        30: stream(b"0 0 100 100 re f"),
    },
    "the page's font": {6: EVIL_FONT},
    "the page's box": {3: (PAGE % BOTH).replace(b"842", b"400")},
    "the page turned": {3: (PAGE % BOTH).replace(b"/MediaBox", b"/Rotate 180/MediaBox")},
    "an annotation that draws": {3: PAGE % b"7 0 R 20 0 R 30 0 R", 30: SQUARE, 31: COVER},
    "an annotation instead of the list": {3: PAGE % b"30 0 R", 30: SQUARE, 31: COVER},
    "annotations in another order": {3: PAGE % b"20 0 R 7 0 R"},
    "annotations taken out": {3: PAGE % b""},
    "a page added": {
        2: b"<</Type/Pages/Kids[3 0 R 30 0 R]/Count 2>>",
        30: BASE[3],
    },
    "the page replaced": {2: b"<</Type/Pages/Kids[30 0 R]/Count 1>>", 30: BASE[3]},
    "no pages any more": {2: b"<</Type/Pages/Kids[]/Count 0>>"},
    "a script when opened": with_catalog(b"/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"),
    "actions of the document": with_catalog(b"/AA<</WC<</S/JavaScript/JS(x)>>>>"),
    "scripts by name": with_catalog(b"/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(x)>>]>>>>"),
    "a script in an outline": with_catalog(
        b"/Outlines<</First<</Title(x)/A<</S/JavaScript/JS(x)>>>>>>"
    ),
    "layers": with_catalog(b"/OCProperties<</OCGs[]/D<</OFF[]>>>>"),
    "an entry that PDF does not know": with_catalog(b"/Whatever 1"),
    "another look for the same value": {8: look(b"900")},
    "a look that is not the value": {7: FIELD % (b"12", 30), 30: look(b"900")},
    "a field moved": {7: (FIELD % (b"", 8)).replace(b"500 250", b"600 250")},
    "a field of text added": {
        3: PAGE % b"7 0 R 20 0 R 30 0 R",
        5: FORM % b"7 0 R 20 0 R 30 0 R",
        30: (FIELD % (b"900", 31)).replace(b"(name)", b"(new)"),
        31: look(b"900"),
    },
    "a field taken out": {3: PAGE % b"20 0 R", 5: FORM % b"20 0 R"},
    "the signature shown elsewhere": {
        20: (SIGNATURE_FIELD % b"/AP<</N 31 0 R>>"),
        31: COVER,
    },
    "an unsigned signature field that draws": {
        3: PAGE % b"7 0 R 20 0 R 30 0 R",
        5: FORM % b"7 0 R 20 0 R 30 0 R",
        30: b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S2)/P 3 0 R/Rect[9 9 99 99]/AP<</N 31 0 R>>>>",
        31: COVER,
    },
    "a false signature that draws": {
        3: PAGE % b"7 0 R 20 0 R 30 0 R",
        5: FORM % b"7 0 R 20 0 R 30 0 R",
        30: b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S2)/V<</Type/Sig>>/P 3 0 R/Rect[9 9 99 99]"
        b"/AP<</N 31 0 R>>>>",
        31: COVER,
    },
    "the signature of another field, shown over the page": {
        3: PAGE % b"7 0 R 20 0 R 30 0 R",
        5: FORM % b"7 0 R 20 0 R 30 0 R",
        30: b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S2)/V 21 0 R/P 3 0 R/Rect[9 9 99 99]"
        b"/AP<</N 31 0 R>>>>",
        31: COVER,
    },
    "another form engine": {5: (FORM % BOTH).replace(b"/SigFlags", b"/XFA(x)/SigFlags")},
    "a resource of the form": {
        5: (FORM % BOTH).replace(b"/F1 6 0 R", b"/F1 30 0 R"),
        30: EVIL_FONT,
    },
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_after_signing_nobody_changes(name: str) -> None:
    report = check(updated(signed(document()), FORBIDDEN[name]))
    assert outcome_of_first(report) == (Outcome.FAILED, "changed"), report.as_text()
    assert report.verdict is Verdict.INVALID


ALLOWED: Mapping[str, Mapping[int, bytes]] = {
    "validation data": {**with_catalog(b"/DSS<</Certs[30 0 R]>>"), 30: stream(b"x")},
    "a developer's extension": with_catalog(b"/Extensions<</ESIC<</ExtensionLevel 2>>>>"),
    "a value with its look": {7: FIELD % (b"100 yuan", 30), 30: look(b"100 yuan")},
    "a value in the look's own object": {7: FIELD % (b"12", 8), 8: look(b"12")},
    "a value in a standard font": {
        7: FIELD % (b"12", 30),
        30: look(b"12", font=FONT),
    },
    "an empty field to be signed": {
        3: PAGE % b"7 0 R 20 0 R 30 0 R",
        5: FORM % b"7 0 R 20 0 R 30 0 R",
        30: b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S2)/P 3 0 R/Rect[9 9 99 99]>>",
    },
    "objects written again as they were": {number: BASE[number] for number in (2, 4, 6, 8)},
}


@pytest.mark.parametrize("name", ALLOWED)
def test_after_signing_there_may_be(name: str) -> None:
    report = check(updated(signed(document()), ALLOWED[name]))
    assert outcome(report) == (Outcome.OK, "allowed"), report.as_text()
    assert report.verdict is Verdict.VALID


HARMLESS: Mapping[str, tuple[Mapping[int, bytes], bytes]] = {
    "metadata": ({**with_catalog(b"/Metadata 30 0 R"), 30: stream(b"<x/>")}, b""),
    "who made it": ({30: b"<</Producer(x)>>"}, b"/Info 30 0 R"),
    "outlines": (with_catalog(b"/Outlines<</First<</Title(x)/Dest[3 0 R/Fit]>>>>"), b""),
    "attachments": (
        with_catalog(b"/Names<</EmbeddedFiles<</Names[(a)<</Type/Filespec>>]>>>>"),
        b"",
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_alters_no_page_is_a_warning(name: str) -> None:
    objects, trailer = HARMLESS[name]
    report = check(updated(signed(document()), objects, trailer=trailer))
    assert outcome(report) == (Outcome.WARNING, "harmless"), report.as_text()
    assert report.verdict is Verdict.VALID


UNDECIDED: Mapping[str, Mapping[int, bytes]] = {
    "a look in a font that says what letters are": {
        7: FIELD % (b"12", 30),
        30: look(b"12", font=EVIL_FONT),
    },
    "a look with an image": {
        7: FIELD % (b"12", 30),
        30: stream(b"BT /F1 12 Tf (12) Tj ET /Im Do", b"/Subtype/Form/BBox[0 0 9 9]"),
    },
    **{
        name: {7: FIELD % (b"12", 30), 30: look(b"12").replace(old, new)}
        for name, old, new in (
            ("a look with boxes over it", b"Tj ET Q", b"Tj ET\nf"),
            ("a look far away", b"2 4 Td", b"999 4 Td"),
            ("a look too small", b"12 Tf", b"01 Tf"),
            ("a look in a mirror", b"/BBox", b"/Matrix[-1 0 0 1 0 0]/BBox"),
            ("a look cut off", b"0 0 200 20", b"0 0 20 20"),
            ("a look in a layer", b"/BBox", b"/OC<</Type/OCG/Name(x)>>/BBox"),
        )
    },
    "a look in signs": {
        7: FIELD % (b"12", 30),
        30: look(b"12", font=FONT.replace(b"Helvetica", b"ZapfDingbats")),
    },
    "a value that is not shown": {7: FIELD % (b"12", 8)},
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_a_filled_field_that_cannot_be_judged_is_never_valid(name: str) -> None:
    report = check(updated(signed(document()), UNDECIDED[name]))
    assert outcome(report) == (Outcome.UNKNOWN, "undecided"), report.as_text()
    assert report.verdict is Verdict.INDETERMINATE


def second(**changes: object) -> Sign:
    how = Sign(field_number=40, name=b"Sig2", fields=b"7 0 R 20 0 R 40 0 R")
    return replace(how, **changes)  # type: ignore[arg-type] # each is a field of Sign


def test_a_counter_signature_may_follow_and_show_itself() -> None:
    shown = second(widget=b"/Rect[300 100 420 220]/AP<</N 50 0 R>>", more={50: COVER})
    report = check(signed(signed(document()), shown))
    assert report.verdict is Verdict.VALID, report.as_text()
    assert [outcome(report, index)[1] for index in (0, 1)] == ["allowed", "none"]


def timestamped(**changes: object) -> bytes:
    how = second(kind=b"DocTimeStamp", sub_filter=b"ETSI.RFC3161", make=stamp().stamp, **changes)
    return signed(signed(document()), how)


def test_a_document_timestamp_may_follow_and_proves_the_time() -> None:
    report = check(timestamped())
    assert report.verdict is Verdict.VALID, report.as_text()
    assert report.signatures[0].step("signing-time").code.startswith("proven")


def test_a_document_timestamp_that_draws_is_a_forbidden_change() -> None:
    data = timestamped(widget=b"/Rect[60 690 300 730]/AP<</N 50 0 R>>", more={50: COVER})
    assert outcome(check(data)) == (Outcome.FAILED, "changed")


DOC_MDP = (
    b"/Reference[<</Type/SigRef/TransformMethod/DocMDP"
    b"/TransformParams<</Type/TransformParams/V/1.2/P %d>>>>]"
)
FIELD_MDP = (
    b"/Reference[<</Type/SigRef/TransformMethod/FieldMDP"
    b"/TransformParams<</Type/TransformParams/V/1.2/Action/Include/Fields[(name)]>>>>]"
)


def certified(level: int) -> bytes:
    return signed(
        document(),
        Sign(entries=DOC_MDP % level, catalog=b"/Perms<</DocMDP 21 0 R>>"),
    )


CERTIFIED = b"/Perms<</DocMDP 21 0 R>>"


def test_a_document_certified_without_changes_takes_no_filling_and_no_signature() -> None:
    filled = {7: FIELD % (b"12", 30), 30: look(b"12")}
    assert outcome(check(updated(certified(1), filled))) == (Outcome.FAILED, "changed")
    again = signed(certified(1), second(catalog=CERTIFIED))
    assert outcome(check(again)) == (Outcome.FAILED, "changed")


def test_a_document_certified_without_changes_still_takes_validation_data() -> None:
    data = updated(certified(1), with_catalog(CERTIFIED + b"/DSS<<>>"))
    assert outcome(check(data)) == (Outcome.OK, "allowed") or check(data).verdict is Verdict.VALID


def test_a_document_certified_for_filling_takes_it_and_signatures() -> None:
    filled = {7: FIELD % (b"12", 30), 30: look(b"12")}
    report = check(updated(signed(certified(2), second(catalog=CERTIFIED)), filled))
    assert report.verdict is Verdict.VALID, report.as_text()


def test_the_certification_cannot_be_taken_away() -> None:
    assert outcome(check(updated(certified(2), {1: BASE[1]}))) == (Outcome.FAILED, "changed")


def test_a_locked_field_is_not_filled_in() -> None:
    filled = {7: FIELD % (b"12", 30), 30: look(b"12")}
    data = updated(signed(document(), Sign(entries=FIELD_MDP)), filled)
    assert outcome(check(data)) == (Outcome.FAILED, "changed")


def test_a_change_between_two_signatures_breaks_the_first_only() -> None:
    data = updated(signed(document()), FORBIDDEN["the page's text"])
    report = check(signed(data, second()))
    assert outcome(report, 0) == (Outcome.FAILED, "changed")
    assert outcome(report, 1) == (Outcome.OK, "none")


def test_a_page_that_is_given_back_its_text_breaks_the_signature_between() -> None:
    data = updated(signed(document()), FORBIDDEN["the page's text"])
    data = updated(signed(data, second()), {4: BASE[4]})
    report = check(data)
    assert outcome(report, 0)[0] is Outcome.OK
    assert outcome(report, 1) == (Outcome.FAILED, "changed")


def test_objects_that_no_cross_reference_names_leave_it_open() -> None:
    data = signed(document())
    stray = b"4 0 obj\n" + FORBIDDEN["the page's text"][4] + b"\nendobj\n"
    start = data[data.rindex(b"startxref") :]
    report = check(data + stray + start)
    assert outcome(report) == (Outcome.UNKNOWN, "undecided")
    assert report.verdict is Verdict.INDETERMINATE


def test_a_later_part_that_cannot_be_read_leaves_it_open() -> None:
    report = check(signed(document()) + b"rubbish\nstartxref\n99999999\n%%EOF\n")
    assert report.step("format").code == "end-unreadable"
    assert outcome(report) == (Outcome.UNKNOWN, "unreadable")
    assert report.verdict is Verdict.INDETERMINATE
