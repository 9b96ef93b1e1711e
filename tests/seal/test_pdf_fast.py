# ruff: noqa: ANN401 - options may be any
"""The fast path and the ordinary one: the same verdict, the same pages, whatever made the file."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.errors import SealingRefused
from msb_seal.pdf import fast
from msb_seal.pdf.fast import PdfSealing
from msb_seal.pdf.sign import PdfOptions, Permission, Remarks, SignatureForm, seal_pdf
from msb_seal.pdf.verify import check_pdf
from msb_seal.placement import At, AtKeyword, OnEveryPage, Straddle
from tests.identity.authorities import NOW
from tests.seal.makers import world
from tests.seal.pdf_documents import KEYWORD, one_page, picture, plain, seen
from tests.seal.pdf_files import document, updated
from tests.seal.pdf_files import signed as signed_by_hand
from tests.seal.pdf_sealing import sealed, signed_with

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from msb_identity.foundation.report import Report
    from msb_seal.placement import Place

LINK = "<< /Type /Annot /Subtype /Link /Rect [0 0 1 1] /Contents (a \\) b) >>"
FORM = "/AcroForm << /Fields [] /DA (/F 12 Tf) >>"
OWN: dict[str, Callable[[], bytes]] = {
    "one page": plain,
    "three pages": lambda: plain(3),
    "cropped and turned": lambda: one_page("/Rotate 90 /CropBox [10 10 200 300]"),
    "turned upside down": lambda: one_page("/Rotate 180 /UserUnit 2"),
    "annotations on the page": lambda: one_page("/Annots [5 0 R]", more=[LINK]),
    "annotations elsewhere": lambda: one_page("/Annots 5 0 R", more=["[6 0 R]", LINK]),
    "a form in the catalog": lambda: one_page(catalog=FORM),
    "a form with a field": document,
    "fields elsewhere": lambda: document({5: b"<</Fields 9 0 R/SigFlags 1>>", 9: b"[7 0 R]"}),
    "an update": lambda: updated(document(), {4: b"<</Length 0>>\nstream\n\nendstream"}),
    "sealed before": lambda: sealed(plain(2)),
    "signed before": lambda: signed_with(KeyKind.P256, plain()),
    "signed by another program": lambda: signed_by_hand(document()),
}
BY_QPDF = ("--linearize", "--object-streams=generate", "--qdf")
ODD: dict[str, Callable[[], bytes]] = {
    "bytes before the head": lambda: b"\n" + plain(),
    "bytes behind the end": lambda: plain() + b"\n% more\n",
    "an entry twice": lambda: one_page("/Rotate 0 /Rotate 90"),
    "certified": lambda: signed_with(KeyKind.RSA, options=PdfOptions(certify=Permission.FORMS)),
    "locked": lambda: sealed(final=True),
    "XFA": lambda: one_page(catalog="/AcroForm << /Fields [] /XFA (x) >>"),
    "rows of 19 bytes": lambda: plain().replace(b" n \n", b" n\n"),
    "no PDF": lambda: b"%PDF-1.7\n",
    "a page twice": lambda: plain().replace(b"/Kids [10 0 R] /Count 1", b"/Kids[10 0 R 10 0 R] "),
}
VECTORS = (
    "dss/hide.pdf",
    "dss/replace.pdf",
    "dss/pades-5-signatures-and-1-document-timestamp.pdf",
    "dss/certified-changes-permitted.pdf",
    "dss/certified-no-change-permitted.pdf",
    "own/own_B_LTA.pdf",
    "own/own_sm2_gmid.pdf",
    "pyhanko/form-update-ap-indirect-sneaky-trailer.pdf",
    "pyhanko/minimal-two-fields-signed-twice.pdf",
    "pyhanko/pades-lta-dss-indirect-arrs-test.pdf",
)


@cache
def sealing(kind: KeyKind, **options: Any) -> PdfSealing:
    sealer = world(kind).sealer(picture=picture())
    return PdfSealing(sealer.seal, sealer.certificate, PdfOptions(**options))


def fast_one(data: bytes, places: Sequence[Place], kind: KeyKind, **options: Any) -> bytes:
    prepared = sealing(kind, **options).prepare(data, places=places, now=NOW)
    return prepared.finish(world(kind).signer.key.sign(prepared.to_sign))


def slow_one(data: bytes, places: Sequence[Place], kind: KeyKind, **options: Any) -> bytes:
    return seal_pdf(
        data,
        sealer=world(kind).sealer(picture=picture()),
        places=places,
        options=PdfOptions(**options),
        now=NOW,
    )


def steps(report: Report) -> list[list[tuple[str, str, str]]]:
    found = [report, *report.signatures]
    return [[(step.id, str(step.outcome), step.code) for step in one.steps] for one in found]


@pytest.fixture
def only_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the ordinary path was taken")

    monkeypatch.setattr(fast, "prepare_pdf", refuse)


def hold_side_by_side(data: bytes, places: Sequence[Place], kind: KeyKind, **options: Any) -> bytes:
    """Seal both ways: verdict and steps, and what every page shows, are the same."""
    ours, theirs = (one(data, places, kind, **options) for one in (fast_one, slow_one))
    reports = [check_pdf(one, trust=world(kind).trust, at=NOW) for one in (ours, theirs)]
    assert steps(reports[0]) == steps(reports[1])
    assert seen(ours).tobytes() == seen(theirs).tobytes()
    assert ours.startswith(data)
    return ours


@pytest.mark.usefixtures("only_fast")
@pytest.mark.parametrize("name", OWN)
def test_what_the_fast_path_seals_is_what_the_ordinary_one_seals(
    name: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    data = OWN[name]()
    hold_side_by_side(data, [At(1, 10, 10)], KeyKind.SM2)
    ours = hold_side_by_side(data, [At(-1, 5, 5), OnEveryPage(30, 30)], KeyKind.SM2)
    (tmp_path / "a.pdf").write_bytes(ours)
    words = [program("qpdf"), "--check", str(tmp_path / "a.pdf")]
    told = subprocess.run(words, check=True, capture_output=True)
    assert b"WARNING" not in told.stdout + told.stderr


@pytest.mark.usefixtures("only_fast")
@pytest.mark.parametrize("way", BY_QPDF)
def test_files_of_other_producers_are_sealed_fast(
    way: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    source, made = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(plain(3))
    subprocess.run([program("qpdf"), way, source, made], check=True)
    hold_side_by_side(made.read_bytes(), [Straddle(), At(2, 10, 10)], KeyKind.RSA)
    ours = hold_side_by_side(made.read_bytes(), [AtKeyword(KEYWORD, None)], KeyKind.RSA)
    # Once more on top, in a file whose last cross-references are ours.
    ours = fast_one(ours, [At(3, 60, 60)], KeyKind.RSA)
    report = check_pdf(ours, trust=world(KeyKind.RSA).trust, at=NOW)
    assert (report.verdict, len(report.signatures)) == (Verdict.VALID, 2)
    source.write_bytes(ours)
    told = subprocess.run([program("qpdf"), "--check", source], check=True, capture_output=True)
    assert b"WARNING" not in told.stdout + told.stderr
    told = subprocess.run([program("pdfsig"), "-nocert", source], check=False, capture_output=True)
    assert told.stdout.count(b"Signature is Valid.") == 4  # the first shows on three pages


@pytest.mark.parametrize("name", VECTORS)
def test_files_of_others_come_out_the_same_both_ways(name: str, vectors: Path) -> None:
    hold_outcomes((vectors / "pdf" / name).read_bytes())


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_goes_the_ordinary_way_with_its_outcome(name: str) -> None:
    hold_outcomes(ODD[name]())


def hold_outcomes(data: bytes) -> None:
    """Both ways seal with the same steps, or refuse with the same code."""
    places: list[Place] = [At(1, 10, 10)]
    outcomes = []
    for one in (fast_one, slow_one):
        try:
            report = check_pdf(one(data, places, KeyKind.SM2), trust=world().trust, at=NOW)
            outcomes.append(str(steps(report)))
        except SealingRefused as error:
            outcomes.append(error.code)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("form", SignatureForm)
def test_every_form_of_signature_comes_out_the_same(form: SignatureForm) -> None:
    remarks = Remarks("审核（同意）", "Ordos", "a\\b)c")
    hold_side_by_side(plain(), [At(1, 20, 30)], KeyKind.SM2, form=form, remarks=remarks)


@pytest.mark.parametrize("options", [{"final": True}, {"certify": Permission.FORMS}])
def test_options_of_the_ordinary_path_are_kept(options: dict[str, Any]) -> None:
    hold_side_by_side(plain(), [At(1, 20, 30)], KeyKind.P256, **options)


def test_the_same_document_at_the_same_time_gives_the_same_bytes_to_sign() -> None:
    prepared = [
        sealing(KeyKind.P256).prepare(plain(), places=[At(1, 20, 30)], now=NOW) for _ in range(2)
    ]
    assert prepared[0].to_sign == prepared[1].to_sign


@pytest.mark.usefixtures("only_fast")
@pytest.mark.parametrize(
    ("place", "code"),
    [(At(2, 0, 0), "no-such-page"), (At(0, 0, 0), "no-such-page"), (At(1, 900, 0), "off-the-page")],
)
def test_a_place_that_is_none_is_refused_as_always(place: Place, code: str) -> None:
    with pytest.raises(SealingRefused) as caught:
        fast_one(plain(), [place], KeyKind.P256)
    assert caught.value.code == code
