"""Sealing PDF: what is signed, and what is refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.cms.verify import check_cms
from msb_seal.documents import check_document
from msb_seal.errors import SealingRefused
from msb_seal.pdf.sign import (
    PdfOptions,
    Remarks,
    SignatureForm,
    prepare_pdf,
    seal_pdf,
    sign_pdf,
)
from msb_seal.placement import At, AtKeyword, OnEveryPage
from msb_seal.seals.model import SealPicture, SealVersion
from msb_seal.seals.verify import check_seal_signature
from tests.identity.authorities import NOW, trusting
from tests.seal.cms_world import ROOTS, SIGNERS, TRUST
from tests.seal.forging import stamping
from tests.seal.makers import KINDS, world
from tests.seal.pdf_documents import one_page, picture, plain, signed
from tests.seal.pdf_sealing import HERE, refusal, sealed, signed_with

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from msb_seal.placement import Place

CMS_FORMS = [
    (kind, form)
    for kind in KINDS
    for form in SignatureForm
    if form is not SignatureForm.SES and (form is not SignatureForm.GM_CMS or kind is KeyKind.SM2)
]


@pytest.mark.parametrize(("kind", "form"), CMS_FORMS)
def test_the_signature_is_over_the_whole_file(kind: KeyKind, form: SignatureForm) -> None:
    data = signed_with(kind, options=PdfOptions(form=form))
    assert data.startswith(plain())
    assert f"/SubFilter {form.subfilter}".encode() in data
    found = signed(data)
    report = check_cms(found.value, original=found.covered, trust=TRUST, at=NOW)
    assert report.verdict is Verdict.VALID
    other = check_cms(found.value, original=found.covered + b"\n", trust=TRUST, at=NOW)
    assert other.verdict is Verdict.INVALID


@pytest.mark.parametrize("kind", KINDS)
def test_the_seal_itself_stands_in_the_signature(kind: KeyKind) -> None:
    found = signed(sealed(kind=kind))
    report = check_seal_signature(
        found.value, original=found.covered, trust=world(kind).trust, at=NOW
    )
    assert report.verdict is Verdict.VALID
    assert report.kind == SealVersion.V4.kind


def test_a_seal_signs_as_cms_too() -> None:
    found = signed(sealed(form=SignatureForm.GM_CMS))
    report = check_cms(found.value, original=found.covered, trust=world().trust, at=NOW)
    assert report.verdict is Verdict.VALID


def test_pades_claims_its_time_outside_the_attributes() -> None:
    data = signed_with(KeyKind.P256)
    assert f"{NOW:%Y%m%d%H%M%S}Z)".encode() in data.split(b"/M (D")[-1][:30]
    signing_time = bytes.fromhex("2a864886f70d010905")
    assert signing_time not in signed(data).value
    assert (
        signing_time
        in signed(signed_with(KeyKind.P256, options=PdfOptions(form=SignatureForm.ADOBE))).value
    )


def test_the_chain_and_the_remarks_go_along() -> None:
    root = ROOTS[KeyKind.RSA].certificate
    remarks = Remarks("approved", "Linhe", "0478")
    data = signed_with(KeyKind.RSA, options=PdfOptions(chain=[root], remarks=remarks))
    assert root.encoded in signed(data).value
    for part in (b"/Reason (approved)", b"/Location (Linhe)", b"/ContactInfo (0478)"):
        assert part in data


def test_a_time_stamp_is_taken_over_the_value() -> None:
    authority = stamping()
    data = signed_with(KeyKind.RSA, timestamps=authority.source())
    found = signed(data)
    report = check_cms(found.value, original=found.covered, trust=TRUST, at=NOW)
    assert report.verdict is Verdict.VALID
    assert report.step("timestamp").code == "ok"


def test_a_signature_from_elsewhere_is_put_in_and_another_one_is_not() -> None:
    signer = SIGNERS[KeyKind.P256]
    prepared = prepare_pdf(plain(), certificate=signer.certificate, options=PdfOptions(), now=NOW)
    elsewhere = signer.key.sign(prepared.to_sign)
    found = signed(prepared.finish(elsewhere))
    report = check_cms(found.value, original=found.covered, trust=TRUST, at=NOW)
    assert report.verdict is Verdict.VALID
    with pytest.raises(Exception, match="not that of"):
        prepared.finish(signer.key.sign(b"something else"))


def test_what_cannot_be_signed_is_refused_with_its_reason() -> None:
    assert refusal(one_page(catalog="/AcroForm << /Fields [] /XFA (x) >>")) == "xfa"
    assert refusal(b"") == "unreadable-pdf"
    assert refusal(b"%PDF-1.7\nnothing else") == "unreadable-pdf"
    assert refusal(plain(), [AtKeyword("没有")]) == "keyword-not-found"
    assert refusal(plain(), [At(2, 1, 1)]) == "no-such-page"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("dss/certified-changes-permitted.pdf", "certified"),
        ("dss/pades-signed-annot-added.pdf", None),
        ("dss/pdf-with-empty-sig.pdf", None),
        ("own/own_B_LTA.pdf", None),
        ("own/own_certified_plus_countersign.pdf", "certified"),
        ("dss/certified-no-change-permitted.pdf", "hybrid"),
        ("dss/hide.pdf", "unreadable-pdf"),
        ("dss/malformed-pades.pdf", "unreadable-pdf"),
    ],
)
def test_files_of_others_are_signed_after_their_signatures(
    vectors: Path, name: str, code: str | None
) -> None:
    data = (vectors / "pdf" / name).read_bytes()
    if code is not None:
        assert refusal(data) == code
        return
    made = signed_with(KeyKind.P256, data, places=HERE, picture=picture())
    assert made.startswith(data)
    found = signed(made)
    report = check_cms(found.value, original=found.covered, trust=TRUST, at=NOW)
    assert report.verdict is Verdict.VALID


def test_a_page_tree_with_a_circle_ends() -> None:
    data = one_page().replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]")
    assert refusal(data) == "unreadable-pdf"


def test_what_contradicts_itself_is_refused() -> None:
    signer = world().signer
    sealer = world().sealer(picture=picture())

    def code(call: Callable[[], bytes]) -> str:
        with pytest.raises(SealingRefused) as caught:
            call()
        return caught.value.code

    ses = PdfOptions(form=SignatureForm.SES)
    assert code(lambda: signed_with(KeyKind.SM2, options=ses)) == "no-seal"
    gm = PdfOptions(form=SignatureForm.GM_CMS)
    assert code(lambda: signed_with(KeyKind.RSA, options=gm)) == "key"
    assert code(lambda: signed_with(KeyKind.RSA, places=HERE)) == "picture"
    assert code(lambda: seal_pdf(plain(), sealer=sealer, options=ses, now=NOW)) == "no-place"
    drawn = SealPicture("ofd", b"PK\3\4", 40, 40)
    assert (
        code(
            lambda: sign_pdf(
                plain(),
                key=signer.key,
                certificate=signer.certificate,
                places=HERE,
                picture=drawn,
                now=NOW,
            )
        )
        == "picture"
    )


def test_bent_files_are_signed_or_refused_and_nothing_else_happens() -> None:
    seeds = random.Random(5)
    originals = [plain(2), sealed(), one_page("/Annots []", catalog="/AcroForm << /Fields [] >>")]
    places: list[Place] = [At(1, 20, 30), OnEveryPage(1, 1)]
    refused = 0
    for _ in range(150):
        data = bytearray(seeds.choice(originals))
        for _ in range(seeds.randint(1, 8)):
            at = seeds.randrange(len(data))
            data[at : at + seeds.randint(0, 3)] = seeds.randbytes(seeds.randint(0, 3))
        try:
            signed_with(KeyKind.P256, bytes(data), places=places, picture=picture())
        except SealingRefused:
            refused += 1
    assert 10 < refused < 150


def test_where_makers_are_named_the_maker_of_a_pdfs_seal_must_be_one() -> None:
    own, data = world(KeyKind.SM2), sealed()
    for makers, unknown in ((own.root, set()), (own.signer, {"seal-maker-certificate"})):
        report = check_document(data, trust=own.trust, at=NOW, makers=trusting(makers))
        steps = report.signatures[0].steps
        assert {step.id for step in steps if step.outcome is Outcome.UNKNOWN} == unknown
