# ruff: noqa: ANN401 - changes may be any argument
"""A seal with SM2 and a signature with RSA or P-256 in one file, good for both kinds of reader."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import encode_pem
from msb_seal.documents import check_document
from msb_seal.errors import SealingRefused
from msb_seal.pdf.dual import SecondSigner, reserve_second, seal_pdf_twice
from msb_seal.pdf.evidence import add_document_timestamp
from msb_seal.pdf.sign import PdfOptions, Permission, SignatureForm, prepare_pdf
from msb_seal.placement import At, Straddle
from tests.identity.authorities import NOW, trusting
from tests.seal.cms_world import ROOTS, SIGNERS
from tests.seal.forging import stamping
from tests.seal.makers import world
from tests.seal.pdf_documents import box_of, picture, plain, seen
from tests.seal.pdf_sealing import BLUE, HERE, changed_fields, refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from msb_seal.pdf.sign import PdfOptions as Options

ROOT = {kind: trusting(world(kind).root) for kind in (KeyKind.SM2, KeyKind.RSA)}
BOTH = trusting(*ROOTS.values(), world().root, world(KeyKind.RSA).root, stamping().root)


def second(kind: KeyKind = KeyKind.RSA) -> SecondSigner:
    signer = SIGNERS[kind]
    return SecondSigner(signer.key, signer.certificate)


def dual(data: bytes | None = None, *, kind: KeyKind = KeyKind.RSA, **changes: Any) -> bytes:
    given = {
        "sealer": world().sealer(picture=picture()),
        "second": second(kind),
        "places": HERE,
        "now": NOW,
        **changes,
    }
    return seal_pdf_twice(plain(2) if data is None else data, **given)


def verdicts(data: bytes, **changes: Any) -> list[Verdict]:
    report = check_document(data, **{"trust": BOTH, "at": NOW, **changes})
    return [report.verdict, *(one.verdict for one in report.signatures)]


@pytest.mark.parametrize("kind", [KeyKind.RSA, KeyKind.P256])
@pytest.mark.parametrize(
    "options",
    [
        PdfOptions(),
        PdfOptions(certify=Permission.FORMS),
        PdfOptions(final=True),
        PdfOptions(certify=Permission.ANNOTATIONS, final=True),
        PdfOptions(form=SignatureForm.PADES),
    ],
)
def test_both_signatures_are_valid(kind: KeyKind, options: Options) -> None:
    data = dual(kind=kind, options=options)
    assert verdicts(data) == [Verdict.VALID] * 3
    report = check_document(data, trust=BOTH, at=NOW)
    ours, theirs = report.signatures
    assert ours.kind == ("cms" if options.form else "ses-v4")
    assert (theirs.kind, theirs.step("later-changes").code) == ("cms", "none")
    assert ours.step("later-changes").code == "allowed"
    if options.final or options.certify:
        assert refusal(data) == ("locked" if options.final else "certified")


def test_each_kind_of_reader_trusts_its_own() -> None:
    data = dual()
    assert verdicts(data, trust=ROOT[KeyKind.SM2]) == [
        Verdict.INDETERMINATE,
        Verdict.VALID,
        Verdict.INDETERMINATE,
    ]
    assert verdicts(data, trust=trusting(ROOTS[KeyKind.RSA]))[1:] == [
        Verdict.INDETERMINATE,
        Verdict.VALID,
    ]


def test_one_seal_shows_and_the_second_signature_changes_nothing_that_is_seen() -> None:
    form = PdfOptions(form=SignatureForm.PADES)  # which pyHanko compares as well
    data = dual(places=[At(1, 20, 30), Straddle()], options=form)
    assert box_of(seen(data).crop((0, 0, 500, 1485)), BLUE) == pytest.approx(
        (20, 30, 60, 50), abs=0.45
    )
    assert changed_fields(data) == {"Signature1"}


def test_an_update_changes_nothing_that_is_not_the_signature_s() -> None:
    data = dual(places=[At(1, 20, 30)])
    assert b"ModDate" not in data
    assert b"/Producer" not in data


def test_a_changed_byte_spoils_both() -> None:
    data = dual()
    at = data.index(b"/MediaBox") + 11
    assert verdicts(data[:at] + b"1" + data[at + 1 :]) == [Verdict.INVALID] * 3


def test_the_second_may_be_sm2_where_the_seal_is_not() -> None:
    sealer = world(KeyKind.RSA).sealer(picture=picture())
    data = dual(kind=KeyKind.SM2, sealer=sealer)
    assert verdicts(data) == [Verdict.VALID] * 3


def test_both_are_stamped_and_a_document_timestamp_may_follow() -> None:
    data = dual(timestamps=stamping().source())
    assert (
        verdicts(add_document_timestamp(data, timestamps=stamping().source()))
        == [Verdict.VALID] * 4
    )
    report = check_document(data, trust=BOTH, at=NOW)
    assert all(one.step("signing-time").code.startswith("proven") for one in report.signatures)


def test_a_second_party_may_sign_twice_as_well() -> None:
    data = dual(dual(), kind=KeyKind.P256, places=[At(1, 100, 200)])
    assert verdicts(data) == [Verdict.VALID] * 5


def test_each_of_the_two_may_be_signed_elsewhere() -> None:
    sealer, other = world().sealer(picture=picture()), second()
    data, name = reserve_second(plain())
    first = prepare_pdf(
        data, certificate=sealer.certificate, seal=sealer.seal, places=HERE, now=NOW
    )
    sealed = first.finish(world().signer.key.sign(first.to_sign))
    last = prepare_pdf(
        sealed, certificate=other.certificate, options=PdfOptions(in_field=name), now=NOW
    )
    assert verdicts(last.finish(other.key.sign(last.to_sign))) == [Verdict.VALID] * 3


class Counting:
    """A sealer that counts how often it was asked."""

    def __init__(self) -> None:
        sealer = world().sealer(picture=picture())
        self.seal, self.certificate, self.asked = sealer.seal, sealer.certificate, 0

    def sign(self, to_sign: bytes, **_: Any) -> bytes:
        self.asked += 1
        return world().signer.key.sign(to_sign)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("second-key", {"second": second(KeyKind.SM2)}),
        ("certify-alone", {"options": PdfOptions(certify=Permission.NOTHING)}),
        ("no-place", {"places": ()}),
    ],
)
def test_what_cannot_be_signed_twice_uses_no_seal(code: str, changes: dict[str, Any]) -> None:
    sealer = Counting()
    with pytest.raises(SealingRefused) as caught:
        dual(sealer=sealer, **changes)
    assert (caught.value.code, sealer.asked) == (code, 0)


def test_two_keys_of_which_none_is_sm2_are_refused() -> None:
    with pytest.raises(SealingRefused, match="SM2"):
        dual(sealer=world(KeyKind.RSA).sealer(picture=picture()))


def test_the_second_key_must_be_the_certificate_s() -> None:
    with pytest.raises(SealingRefused, match="certificate"):
        replace(second(), key=SIGNERS[KeyKind.P256].key)


def test_readers_that_know_no_sm2_trust_the_whole_file(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    (tmp_path / "root.pem").write_bytes(encode_pem(ROOTS[KeyKind.RSA].certificate))
    (tmp_path / "nss").mkdir()
    database = f"sql:{tmp_path / 'nss'}"
    add = ["-A", "-d", database, "-n", "root", "-t", "CT,C,C", "-i", str(tmp_path / "root.pem")]
    for words in (["-N", "-d", database, "--empty-password"], add):
        subprocess.run([program("certutil"), *words], check=True, capture_output=True)
    path = tmp_path / "a.pdf"
    path.write_bytes(dual())
    words = ["-nssdir", str(tmp_path / "nss"), str(path)]
    told = subprocess.run([program("pdfsig"), *words], check=False, capture_output=True).stdout
    theirs, ours = sorted(told.split(b"Signature #")[1:], key=lambda one: b"Field Name: Se" in one)
    assert b"Signature is Valid." not in ours  # nor does it say that anything was changed
    assert b"Signature is Valid." in theirs
    assert b"Total document signed" in theirs
    assert (b"Certificate is Trusted." in theirs) or (b"Certificate has Expired" in theirs)
    told = subprocess.run(
        [program("mutool"), "sign", "-v", path], check=False, capture_output=True
    ).stdout
    assert b"The document is unchanged since signing." in told
    checked = subprocess.run([program("qpdf"), "--check", path], check=True, capture_output=True)
    assert b"No syntax or stream encoding errors" in checked.stdout
