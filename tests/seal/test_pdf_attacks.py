"""Attacks on sealed PDF that need no key: each is refused at the step that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Report, Verdict
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.pdf_files import (
    CATALOG,
    FIELD,
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

TRUST = trusting(ROOT)
BOTH, THREE = b"7 0 R 20 0 R", b"7 0 R 20 0 R 30 0 R"
ACTIONS = {
    "launch": b"<</S/Launch/F(a.exe)>>",
    "submit": b"<</S/SubmitForm/F(https://a.example/)>>",
    "uri": b"<</S/URI/URI(https://a.example/)>>",
    "another file": b"<</S/GoToR/F(a.pdf)/D[0/Fit]>>",
    "script": b"<</S/JavaScript/JS(x)>>",
    "a script after it": b"<</S/GoTo/D[3 0 R/Fit]/Next<</S/Launch/F(a.exe)>>>>",
}


def check(data: bytes) -> Report:
    return check_pdf(data, trust=TRUST, at=NOW)


def after(objects: Mapping[int, bytes], base: Mapping[int, bytes] | None = None) -> Report:
    """Check the document when it was changed after it was signed."""
    how = Sign(catalog=b"") if base is None else Sign(more={**base, **KEPT})
    return check(updated(signed(document(base), how), objects))


KEPT = {3: PAGE % BOTH, 5: FORM % BOTH}


def outcome(report: Report) -> tuple[Outcome, str]:
    step = report.signatures[0].step("later-changes")
    return step.outcome, step.code


def annotation(entries: bytes) -> Mapping[int, bytes]:
    return {3: PAGE % THREE, 30: b"<</Type/Annot/Rect[60 690 300 730]%s>>" % entries}


def catalog(entries: bytes) -> Mapping[int, bytes]:
    return {1: CATALOG % entries}


def page(entries: bytes) -> Mapping[int, bytes]:
    return {3: (PAGE % BOTH).replace(b"/MediaBox", entries + b"/MediaBox")}


def empty_field(entries: bytes) -> Mapping[int, bytes]:
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S2)/P 3 0 R/Rect[9 9 99 99]%s>>"
    return {3: PAGE % THREE, 5: FORM % THREE, 30: field % entries}


FORBIDDEN: Mapping[str, Mapping[int, bytes]] = {
    **{
        f"a {kind.decode()} annotation": annotation(b"/Contents(900 yuan)/Subtype/" + kind)
        for kind in (
            *(b"Text", b"FreeText", b"Line", b"Square", b"Circle", b"Polygon", b"Ink", b"Stamp"),
            *(b"Highlight", b"Underline", b"StrikeOut", b"Caret", b"Redact", b"Watermark"),
            *(b"FileAttachment", b"Popup", b"Link", b"3D", b"Screen", b"RichMedia", b"Movie"),
        )
    },
    "a note's open window": annotation(b"/Subtype/Popup/Open true/Contents(900 yuan)"),
    "an annotation only for printing": annotation(b"/Subtype/Square/F 36"),
    "a hidden annotation": annotation(b"/Subtype/Square/F 2"),
    **{f"when opened: {name}": catalog(b"/OpenAction" + ACTIONS[name]) for name in ACTIONS},
    **{
        f"in an outline: {name}": catalog(b"/Outlines<</First<</Title(x)/A%s>>>>" % ACTIONS[name])
        for name in ACTIONS
    },
    "when the page is opened": page(b"/AA<</O<</S/JavaScript/JS(x)>>>>"),
    "on a field": {7: (FIELD % (b"", 8)).replace(b"/DA", b"/AA<</F<</S/JavaScript/JS(x)>>>>/DA")},
    "a base for addresses": catalog(b"/URI<</Base(https://a.example/)>>"),
    "a portfolio that opens another file": catalog(b"/Collection<</D(evil.pdf)/View/H>>"),
    "another area shown": catalog(b"/ViewerPreferences<</ViewArea/CropBox>>"),
    "another area printed": catalog(b"/ViewerPreferences<</PrintPageRange[1 1]>>"),
    "other colours": catalog(b"/OutputIntents[<</S/GTS_PDFX>>]"),
    "the page cut": page(b"/CropBox[0 0 100 100]"),
    "the page turned": page(b"/Rotate 90"),
    "the page enlarged": page(b"/UserUnit 2"),
    "a transition": page(b"/Group<</S/Transparency/K true>>"),
    "all pages turned": {2: b"<</Type/Pages/Kids[3 0 R]/Count 1/Rotate 180>>"},
    "a field hidden": {7: (FIELD % (b"", 8)).replace(b"/F 4", b"/F 2")},
    "a field only for printing": {7: (FIELD % (b"", 8)).replace(b"/F 4", b"/F 36")},
    "an empty field with a box": empty_field(b"/MK<</BG[1 1 1]/BC[1 0 0]>>"),
    "an empty field with a border": empty_field(b"/Border[0 0 9]"),
    "an empty field with a look": empty_field(b"/AP<</N 8 0 R>>"),
    "an empty field with an action": empty_field(b"/A<</S/URI/URI(x)>>"),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_it_is_a_forbidden_change(name: str) -> None:
    report = after(FORBIDDEN[name])
    assert outcome(report) == (Outcome.FAILED, "changed"), report.as_text()
    assert report.verdict is Verdict.INVALID


def outline(action: bytes) -> Mapping[int, bytes]:
    return {
        30: b"<</Type/Outlines/First 31 0 R/Last 31 0 R/Count 1>>",
        31: b"<</Title(x)/Parent 30 0 R/A %s>>" % action,
    }


EXCHANGED = {
    "a script": (b"<</S/JavaScript/JS(one)>>", b"<</S/JavaScript/JS(two)>>"),
    "an address": (b"<</S/URI/URI(http://a.example)>>", b"<</S/URI/URI(http://b.example)>>"),
    "a step into a start": (b"<</S/GoTo/D[3 0 R/Fit]/F(a)>>", b"<</S/Launch/D[3 0 R/Fit]/F(a)>>"),
    "a kind that is none": (b"<</S[1]/F(a)>>", b"<</S[1]/F(b)>>"),
    "what nobody knows": (b"<</S/Unknown/F(a.exe)>>", b"<</S/Unknown/F(b.exe)>>"),
    "a kind that stands apart": (b"<</S/GoTo/F(a)>>", b"<</S 32 0 R/F(a)>>"),
    "what follows a step": (
        b"<</S/GoTo/D[3 0 R/Fit]/Next[<</S/URI/URI(http://a.example)>>]>>",
        b"<</S/GoTo/D[3 0 R/Fit]/Next[<</S/URI/URI(http://b.example)>>]>>",
    ),
}


@pytest.mark.parametrize("name", EXCHANGED)
def test_what_an_action_in_the_outlines_does_is_not_exchanged(name: str) -> None:
    old, new = EXCHANGED[name]
    data = signed(document({1: CATALOG % b"/Outlines 30 0 R", **outline(old)}))
    report = check(updated(data, {31: outline(new)[31], 32: b"/Launch"}))
    assert outcome(report) == (Outcome.FAILED, "changed"), report.as_text()


def test_where_an_outline_leads_may_be_changed() -> None:
    old, new = b"<</S/GoTo/D[3 0 R/Fit]>>", b"<</S/GoTo/D[3 0 R/FitH 1]>>"
    data = signed(document({1: CATALOG % b"/Outlines 30 0 R", **outline(old)}))
    report = check(updated(data, {31: outline(new)[31]}))
    assert outcome(report) == (Outcome.WARNING, "harmless"), report.as_text()


HARMLESS: Mapping[str, Mapping[int, bytes]] = {
    "outlines as programs write them": {
        **catalog(b"/Outlines 30 0 R"),
        30: b"<</Type/Outlines/First 31 0 R/Last 31 0 R/Count 1>>",
        31: b"<</Title(x)/Parent 30 0 R/Dest[3 0 R/XYZ 0 800 0]>>",
    },
    "outlines with steps": catalog(b"/Outlines<</First<</Title(x)/A<</S/GoTo/D[3 0 R/Fit]>>>>>>"),
    "named places": catalog(b"/Dests<</one[3 0 R/Fit]>>"),
    "page labels": catalog(b"/PageLabels<</Nums[0<</S/r>>]>>"),
    "threads": catalog(b"/Threads[<</F<</P 3 0 R/R[0 0 9 9]>>>>]"),
    "usage rights": catalog(b"/Perms<</UR3<<>>>>"),
    "a window without tools": catalog(b"/ViewerPreferences<</HideToolbar true>>"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_it_alters_no_page(name: str) -> None:
    report = after(HARMLESS[name])
    assert outcome(report) == (Outcome.WARNING, "harmless"), report.as_text()
    assert report.verdict is Verdict.VALID


def test_appearances_that_readers_are_to_make_themselves_are_left_open() -> None:
    form = (FORM % BOTH).replace(b"/SigFlags", b"/NeedAppearances true/SigFlags")
    assert outcome(after({5: form})) == (Outcome.UNKNOWN, "undecided")


LAYERS = b"/OCProperties<</OCGs[30 0 R]/D<</ON[30 0 R]%s>>>>"


def test_a_layer_is_not_switched_off() -> None:
    base = {**catalog(LAYERS % b""), 30: b"<</Type/OCG/Name(stamp)>>"}
    data = signed(document(base), Sign(catalog=LAYERS % b""))
    assert check(data).verdict is Verdict.VALID
    switched = updated(data, catalog(LAYERS % b"/OFF[30 0 R]"))
    assert outcome(check(switched)) == (Outcome.FAILED, "changed")


BOX = (
    b"<</Type/Annot/Subtype/Widget/FT/Btn/T(agree)/Rect[50 500 70 520]/F 4/P 3 0 R"
    b"/AP<</N<</Yes 8 0 R/Off 9 0 R>>>>/V/%s/AS/%s>>"
)
BUTTONS = b"<</FT/Btn/Ff 49152/T(agree)/Kids[31 0 R 32 0 R]/V/%s>>"
BUTTON = (
    b"<</Type/Annot/Subtype/Widget/Rect[50 500 70 520]/F 4/P 3 0 R/Parent 7 0 R"
    b"/AP<</N<</%s 8 0 R/Off 9 0 R>>>>/AS/%s>>"
)


def boxed(value: bytes, state: bytes) -> Mapping[int, bytes]:
    return {7: BOX % (value, state), 9: look(b" ")}


@pytest.mark.parametrize(
    ("value", "state", "expected"),
    [
        (b"Yes", b"Yes", Outcome.OK),
        (b"Yes", b"Off", Outcome.FAILED),
        (b"Off", b"Yes", Outcome.FAILED),
        (b"No", b"Off", Outcome.UNKNOWN),
        (b"No", b"Yes", Outcome.UNKNOWN),
    ],
)
def test_a_box_is_ticked_where_its_value_says_so(
    value: bytes, state: bytes, expected: Outcome
) -> None:
    base = boxed(b"Off", b"Off")
    data = signed(document(base))
    assert outcome(check(updated(data, boxed(value, state))))[0] is expected


def buttons(value: bytes, first: bytes, second: bytes) -> Mapping[int, bytes]:
    return {
        7: BUTTONS % value,
        9: look(b" "),
        31: BUTTON % (b"A", first),
        32: BUTTON % (b"B", second),
    }


@pytest.mark.parametrize(
    ("value", "first", "second", "expected"),
    [
        (b"A", b"A", b"Off", Outcome.OK),
        (b"B", b"Off", b"B", Outcome.OK),
        (b"A", b"Off", b"B", Outcome.FAILED),
        (b"A", b"A", b"B", Outcome.FAILED),
        (b"A", b"Off", b"Off", Outcome.FAILED),
        (b"Off", b"A", b"Off", Outcome.FAILED),
    ],
)
def test_of_several_buttons_the_one_is_on_that_the_value_names(
    value: bytes, first: bytes, second: bytes, expected: Outcome
) -> None:
    data = signed(document(buttons(b"Off", b"Off", b"Off")))
    assert outcome(check(updated(data, buttons(value, first, second))))[0] is expected


CHOICE = (
    b"<</Type/Annot/Subtype/Widget/FT/Ch/T(town)/Opt[(100)(900)]/V(%s)%s/Rect[50 500 250 520]/F 4"
    b"/P 3 0 R/DA(/F1 12 Tf)/AP<</N %d 0 R>>>>"
)


def test_a_choice_is_not_moved_apart_from_its_value() -> None:
    data = signed(document({7: CHOICE % (b"100", b"/I[0]", 8), 8: look(b"100")}))
    moved = updated(data, {7: CHOICE % (b"100", b"/I[1]", 8)})
    assert outcome(check(moved)) == (Outcome.UNKNOWN, "undecided")
    chosen = {7: CHOICE % (b"900", b"/I[1]", 30), 30: look(b"900")}
    assert outcome(check(updated(data, chosen))) == (Outcome.OK, "allowed")
    shown = {7: CHOICE % (b"900", b"/I[1]", 30), 30: look(b"300")}
    assert outcome(check(updated(data, shown))) == (Outcome.FAILED, "changed")


def test_of_a_choice_with_words_of_its_own_the_words_are_shown() -> None:
    pairs = CHOICE.replace(b"[(100)(900)]", b"[[(a)(100)][(b)(900)]]")
    data = signed(document({7: pairs % (b"a", b"/I[0]", 8), 8: look(b"100")}))
    shown = {7: pairs % (b"b", b"/I[1]", 30), 30: look(b"900")}
    assert outcome(check(updated(data, shown))) == (Outcome.OK, "allowed")
    other = {7: pairs % (b"b", b"/I[1]", 30), 30: look(b"b")}
    assert outcome(check(updated(data, other))) == (Outcome.FAILED, "changed")


DOC_MDP = (
    b"/Reference[<</Type/SigRef/TransformMethod/DocMDP"
    b"/TransformParams<</Type/TransformParams/V/1.2/P 1>>>>]"
)


@pytest.mark.parametrize("more", [b"/Metadata 30 0 R", b"/PageLabels<<>>", b"/Outlines<<>>"])
def test_a_document_certified_without_changes_takes_nothing_that_is_harmless_elsewhere(
    more: bytes,
) -> None:
    certified = b"/Perms<</DocMDP 21 0 R>>"
    data = signed(document(), Sign(entries=DOC_MDP, catalog=certified))
    changed = updated(data, {**catalog(certified + more), 30: stream(b"<x/>")})
    assert outcome(check(changed)) == (Outcome.FAILED, "changed")
    noted = updated(data, {30: b"<</ModDate(D:20260601120000Z)>>"}, trailer=b"/Info 30 0 R")
    assert check(noted).verdict is Verdict.VALID


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    b' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    b' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' xmp:ModifyDate="%s"><dc:title>%s</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize(
    ("date", "title", "verdict"),
    [
        (b"2026-06-02T00:00:00Z", b"one", Verdict.VALID),
        (b"2026-06-01T00:00:00Z", b"two", Verdict.INVALID),
        (b"2026-06-02T00:00:00Z", b"one<b/>", Verdict.INVALID),
        (b"2026-06-02T00:00:00Z", b"one<", Verdict.INVALID),
    ],
)
def test_of_metadata_only_the_date_may_change_in_a_document_certified_without_changes(
    date: bytes, title: bytes, verdict: Verdict
) -> None:
    kept = b"/Perms<</DocMDP 21 0 R>>/Metadata 30 0 R"
    base = {1: CATALOG % b"/Metadata 30 0 R", 30: stream(XMP % (b"2026-06-01T00:00:00Z", b"one"))}
    data = signed(document(base), Sign(entries=DOC_MDP, catalog=kept))
    assert check(updated(data, {30: stream(XMP % (date, title))})).verdict is verdict
