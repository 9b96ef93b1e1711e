# ruff: noqa: ANN401 - changes may be any argument
"""What is sealed here is valid here: every form, key and place, several seals, certified or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Outcome, Report, Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.documents import check_document
from msb_seal.pdf.evidence import add_document_timestamp
from msb_seal.pdf.sign import PdfOptions, Permission, SignatureForm, seal_pdf, sign_pdf
from msb_seal.placement import At, AtKeyword, OnEveryPage, Straddle
from tests.identity.authorities import NOW, trusting
from tests.seal.cms_world import ROOTS, SIGNERS
from tests.seal.forging import stamping
from tests.seal.makers import world
from tests.seal.pdf_documents import KEYWORD, picture, plain

if TYPE_CHECKING:
    from msb_seal.placement import Place

TRUST = trusting(
    *ROOTS.values(), *(world(kind).root for kind in (KeyKind.SM2, KeyKind.RSA)), stamping().root
)
PLACES: dict[str, list[Place]] = {
    "at": [At(1, 20, 30)],
    "keyword": [AtKeyword(KEYWORD)],
    "every page": [OnEveryPage(20, 30)],
    "straddle": [Straddle()],
}


def sealed(data: bytes, *, kind: KeyKind = KeyKind.SM2, **changes: Any) -> bytes:
    options = PdfOptions(**changes.pop("options", {}))
    given = {"places": PLACES["at"], "options": options, "now": NOW, **changes}
    return seal_pdf(data, sealer=world(kind).sealer(picture=picture()), **given)


def check(data: bytes) -> Report:
    return check_document(data, trust=TRUST, at=NOW)


def told(report: Report) -> list[tuple[str, str]]:
    steps = [*report.steps, *(step for one in report.signatures for step in one.steps)]
    good = (Outcome.OK, Outcome.SKIPPED)
    return [(step.id, step.code) for step in steps if step.outcome not in good]


@pytest.mark.parametrize("name", PLACES)
def test_a_seal_at_any_place_is_valid_and_no_unsigned_picture(name: str) -> None:
    report = check(sealed(plain(3), places=PLACES[name]))
    assert (report.verdict, told(report)) == (Verdict.VALID, []), report.as_text()


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA])
@pytest.mark.parametrize("form", [SignatureForm.SES, SignatureForm.PADES])
def test_a_seal_in_any_form_is_valid(kind: KeyKind, form: SignatureForm) -> None:
    report = check(
        sealed(plain(), kind=kind, options={"form": form}, timestamps=stamping().source())
    )
    # Another signature than a seal's shows a picture that it says nothing about.
    expected = [] if form is SignatureForm.SES else [("unsigned-seal-picture", "not-a-seal")]
    assert (report.verdict, told(report)) == (Verdict.VALID, expected), report.as_text()


def test_two_seals_in_turn_are_both_valid() -> None:
    report = check(sealed(sealed(plain()), kind=KeyKind.RSA, places=[At(1, 100, 200)]))
    assert [one.verdict for one in report.signatures] == [Verdict.VALID] * 2, report.as_text()
    assert report.signatures[0].step("later-changes").code in ("allowed", "harmless")


def test_a_certified_document_is_valid() -> None:
    report = check(sealed(plain(), options={"certify": Permission.FORMS}))
    assert report.verdict is Verdict.VALID, report.as_text()


def test_a_signature_without_a_seal_is_valid() -> None:
    signer = SIGNERS[KeyKind.P256]
    data = sign_pdf(plain(), certificate=signer.certificate, key=signer.key, now=NOW)
    assert check(data).verdict is Verdict.VALID


def test_a_document_timestamp_over_it_all_is_valid_and_proves_the_time() -> None:
    data = add_document_timestamp(sealed(plain()), timestamps=stamping().source())
    report = check(data)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert [one.kind for one in report.signatures] == ["ses-v4", "timestamp"]
    assert report.signatures[0].step("signing-time").code.startswith("proven")
