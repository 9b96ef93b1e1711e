"""Plain signatures on OFDs (Type="Sign"): made here, and in the forms that others make."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.sm import sm3
from msb_seal.cms import oids
from msb_seal.cms.making import prepare_content
from msb_seal.errors import SealingRefused
from msb_seal.ofd.sign_cms import prepare_ofd_cms, sign_ofd_cms
from tests.identity.authorities import NOW
from tests.seal.archives import archive
from tests.seal.makers import KINDS, world
from tests.seal.ofd_documents import bent, checked, entries_of, replaced, sealed, unsealed
from tests.seal.ofd_forging import Forger
from tests.seal.ofd_steps import codes

SIGN = "Doc_0/Signs/Sign_0"


def signed(
    kind: KeyKind = KeyKind.SM2,
    *,
    data: bytes | None = None,
    attached: bool = False,
    final: bool = False,
) -> bytes:
    signer = world(kind).signer
    return sign_ofd_cms(
        data or unsealed(),
        key=signer.key,
        certificate=signer.certificate,
        attached=attached,
        final=final,
        now=NOW,
    )


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_signed_is_valid(kind: KeyKind, *, attached: bool) -> None:
    report = checked(signed(kind, attached=attached), kind=kind)
    assert report.verdict is Verdict.VALID, report.as_text()
    (signature,) = report.signatures
    assert signature.kind == "cms"
    assert {"coverage", "later-changes", "document-digest"} <= {s.id for s in signature.steps}


@pytest.mark.parametrize("attached", [False, True])
def test_a_changed_file_is_invalid(*, attached: bool) -> None:
    report = checked(
        bent(signed(attached=attached), lambda e: replaced(e, "Doc_0/Attachs/data.xml", "d", "t"))
    )
    assert report.verdict is Verdict.INVALID
    assert ("failed", "files-changed") in codes(report, "document-digest")


@pytest.mark.parametrize("attached", [False, True])
def test_a_changed_list_of_files_is_invalid(*, attached: bool) -> None:
    name = f"{SIGN}/Signature.xml"
    report = checked(
        bent(signed(attached=attached), lambda e: replaced(e, name, "msb-seal", "abc-seal"))
    )
    assert report.verdict is Verdict.INVALID


def test_sm2_writes_the_types_of_the_chinese_standard() -> None:
    value = entries_of(signed())[f"{SIGN}/SignedValue.dat"]
    assert der.read_der(value).children[0].oid() == oids.GM_SIGNED_DATA
    value = entries_of(signed(KeyKind.RSA))[f"{SIGN}/SignedValue.dat"]
    assert der.read_der(value).children[0].oid() == oids.SIGNED_DATA


def test_base64_of_the_digest_is_read_as_the_digest() -> None:
    entries = entries_of(signed())
    text = b64encode(sm3(entries[f"{SIGN}/Signature.xml"]))
    signer = world().signer
    prepared = prepare_content(oids.GM_DATA, text, certificate=signer.certificate)
    entries[f"{SIGN}/SignedValue.dat"] = prepared.finish(signer.key.sign(prepared.to_sign))
    report = checked(archive(entries))
    assert report.verdict is Verdict.VALID, report.as_text()


def test_a_bare_signature_is_nobodys() -> None:
    entries = entries_of(signed())
    entries[f"{SIGN}/SignedValue.dat"] = world().signer.key.sign(entries[f"{SIGN}/Signature.xml"])
    report = checked(archive(entries))
    assert report.verdict is Verdict.INDETERMINATE
    assert ("unknown", "no-certificate") in codes(report, "signer-certificate")


@pytest.mark.parametrize("value", [b"", b"\0", b"\x30\x00", b"<xml/>", b"\x30\x82\xff\xff"])
def test_a_value_that_is_nothing_is_invalid(value: bytes) -> None:
    for data in (signed(), sealed()):
        entries = entries_of(data) | {f"{SIGN}/SignedValue.dat": value}
        report = checked(archive(entries))
        assert report.verdict is Verdict.INVALID
        assert "failed" in {outcome for outcome, _ in codes(report, "format")}


SEAL = "<ofd:Seal><ofd:BaseLoc>{}</ofd:BaseLoc></ofd:Seal>"
STAMP = '<ofd:StampAnnot ID="7" PageRef="1" Boundary="10 10 42 42"/>'


def showing(
    text: str, *, seal: bytes = b"", bare: bool = False, data: bytes | None = None
) -> bytes:
    """A plain signature that is good, whose Signature.xml says something more."""
    entries = entries_of(signed(data=data))
    folder = f"Doc_0/Signs/Sign_{0 if data is None else 1}"
    replaced(entries, f"{folder}/Signature.xml", "</ofd:SignedInfo>", f"{text}</ofd:SignedInfo>")
    if seal:
        entries[f"{folder}/Seal.esl"] = seal
    signer, original = world().signer, entries[f"{folder}/Signature.xml"]
    prepared = prepare_content(oids.GM_DATA, sm3(original), certificate=signer.certificate)
    value = (
        signer.key.sign(original) if bare else prepared.finish(signer.key.sign(prepared.to_sign))
    )
    return archive(entries | {f"{folder}/SignedValue.dat": value})


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("text", [SEAL.format("Seal.esl"), STAMP, STAMP + SEAL.format("Seal.esl")])
def test_a_seal_is_not_shown_by_a_signature_without_one(text: str, *, bare: bool) -> None:
    report = checked(showing(text, seal=world().seal().encoded, bare=bare))
    assert report.verdict is Verdict.INVALID
    assert codes(report, "seal-match") == {("failed", "no-seal")}
    if not bare:
        assert checked(showing("")).verdict is Verdict.VALID


def test_a_seal_of_the_document_is_not_shown_once_more_by_a_signature_without_one() -> None:
    text = STAMP + SEAL.format("/Doc_0/Signs/Sign_0/Seal.esl")
    report = checked(showing(text, data=sealed()))
    assert report.verdict is Verdict.INVALID
    assert [s.verdict for s in report.signatures] == [Verdict.VALID, Verdict.INVALID]
    assert report.signatures[1].step("seal-match").code == "no-seal"


def test_two_seal_signatures_may_share_the_file_of_one_seal() -> None:
    def share(text: str) -> str:
        return text.replace("/Sign_1/Seal.esl</ofd:BaseLoc>", "/Sign_0/Seal.esl</ofd:BaseLoc>")

    own = "Doc_0/Signs/Sign_1/Seal.esl"
    sealer = world().sealer()
    forger = Forger(leave_out=lambda name: name == own, change=share, put_on=sealer.seal)
    entries = forger.seal(entries_of(sealed(sealer=sealer)))
    assert entries.pop(own) == entries["Doc_0/Signs/Sign_0/Seal.esl"]
    assert b"/Sign_0/Seal.esl</ofd:BaseLoc>" in entries["Doc_0/Signs/Sign_1/Signature.xml"]
    report = checked(archive(entries))
    assert report.verdict is Verdict.VALID
    assert codes(report, "seal-match") == {("ok", "ok")}
    other = world().seal(name="别的单位").encoded
    entries["Doc_0/Signs/Sign_0/Seal.esl"] = other
    assert codes(checked(archive(entries)), "seal-match") == {("failed", "differs")}


def test_a_seal_follows_a_signature_and_the_other_way_round() -> None:
    for data in (sealed(data=signed()), signed(data=sealed())):
        report = checked(data, at=NOW + timedelta(minutes=1))
        assert report.verdict is Verdict.VALID, report.as_text()
        assert {signature.kind for signature in report.signatures} == {"cms", "ses-v4"}


def test_a_final_signature_leaves_no_room() -> None:
    data = signed(final=True)
    assert checked(data).verdict is Verdict.VALID
    with pytest.raises(SealingRefused):
        sealed(data=data)


def test_the_key_may_be_elsewhere() -> None:
    signer = world().signer
    prepared = prepare_ofd_cms(unsealed(), certificate=signer.certificate, now=NOW)
    assert prepared.digest in prepared.to_sign
    assert checked(prepared.finish(signer.key.sign(prepared.to_sign))).verdict is Verdict.VALID
